"""Physics-informed scientific machine learning: one PDE definition trains PINNs and neural operators.

`sciml.experiment` trains and evaluates what a `Config` describes; `sciml.predict` applies the result.
"""

from sciml.config import Component, Config, DataConfig, PointsConfig, Stage, TrainConfig
from sciml.config_file import load_config

__all__ = ["Component", "Config", "DataConfig", "PointsConfig", "Stage", "TrainConfig", "load_config"]
