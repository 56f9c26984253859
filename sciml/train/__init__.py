"""The trainer and the folder it writes."""

from sciml.train.run_folder import RunFolder
from sciml.train.trainer import Trainer, TrainingError, make_optimizer

__all__ = ["RunFolder", "Trainer", "TrainingError", "make_optimizer"]
