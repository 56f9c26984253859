"""A configuration from a YAML file, with any key overridden by ``--dotted.key value``, and back."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args, get_type_hints

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from sciml.config import Config
from sciml.yaml_file import read_yaml


def load_config(path: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """The configuration of a YAML file with overrides such as ["--train.max_seconds", "90"], their values in YAML.

    Raises
    ------
    FileNotFoundError
        Where the file does not exist.
    ValueError
        For an unknown key or a value of the wrong type, in one line that names the key; and for a
        configuration that describes neither a PINN nor an operator, or both.
    """
    if path is not None and not Path(path).is_file():
        raise FileNotFoundError(f"configuration file {path} does not exist")
    parser = ArgumentParser(prog="sciml train", exit_on_error=False)
    parser.add_class_arguments(Config)
    try:
        content = read_yaml(path, overrides)
        config = Config(**vars(parser.instantiate(parser.parse_object(content))))
    except (ArgumentError, yaml.YAMLError) as error:
        raise ValueError(f"{path or 'command line'}: {_explain(str(error))}") from error
    _validate(config)
    return config


def dump_config(config: Config) -> str:
    """The whole configuration as YAML, defaults included."""
    return str(yaml.safe_dump(dataclasses.asdict(config), sort_keys=False))


def _keys(cls: type, prefix: str = "") -> list[str]:
    """Every dotted key below a configuration class."""
    keys: list[str] = []
    for name, kind in get_type_hints(cls).items():
        keys.append(prefix + name)
        for candidate in (kind, *get_args(kind)):
            if dataclasses.is_dataclass(candidate) and isinstance(candidate, type):
                keys += _keys(candidate, f"{prefix}{name}.")
    return keys


def _explain(message: str) -> str:
    """The parser's message in one line that names the key and the remedy."""
    text = " ".join(message.split())
    unknown = re.search(r"[Oo]ption '([\w.]+)'|unrecognized arguments: -*([\w.\[\]]+)", text)
    if unknown:
        key = unknown[1] or unknown[2]
        names = {name.split(".")[-1] for name in _keys(Config)}
        close = difflib.get_close_matches(key.split(".")[-1], names, n=1)
        advice = f"did you mean {close[0]!r}?" if close else f"keys are {', '.join(_keys(Config))}"
        return f"unknown key {key!r}; {advice}"
    # a message about a key inside another key quotes both, the inner one last
    *outer, inner = text.split('Parser key "')
    wrong = re.match(r'([\w.]+)": (.*?)(?:Got|Given) value: (.*?)(?: - Expected .*)?$', inner)
    if wrong:
        expected = re.findall(r"Expected an? (?:<class '(\w+)'>|typing\.(Literal\[[^\]]*\]|\w+))", wrong[2])
        kinds = " or ".join("null" if "None" in a + b else a + b for a, b in expected) or "another type"
        key = ".".join([*(part.split('"')[0] for part in outer if part), wrong[1]])
        return f"{key}: expected {kinds}, got {wrong[3]!r}"
    return text


def _validate(config: Config) -> None:
    if (config.problem is None) == (config.data is None):
        raise ValueError(
            "a configuration holds either 'problem' (it trains a PINN) or 'data' (it trains an operator)"
        )
    if not config.train.stages:
        raise ValueError(
            "train.stages is empty; give at least one stage, such as {optimizer: Adam, steps: 1000}"
        )
    for index, stage in enumerate(config.train.stages):
        if (stage.steps is None) == (stage.epochs is None):
            raise ValueError(f"train.stages[{index}]: give either steps or epochs")
        if (length := stage.steps or stage.epochs or 0) < 1:
            raise ValueError(f"train.stages[{index}]: a stage has at least one step, not {length}")
    for key, positive in (
        ("train.max_seconds", config.train.max_seconds),
        ("train.log_every", config.train.log_every),
        ("train.patience", config.train.patience),
        ("train.incremental.every", config.train.incremental.every if config.train.incremental else 1),
        ("train.rollout.unroll", config.train.rollout.unroll if config.train.rollout else 1),
        ("points.interior", config.points.interior),
        ("points.interior_max", config.points.interior_max),
        ("points.redraw_above", config.points.redraw_above),
        ("data.batch_size", config.data.batch_size if config.data else 1),
    ):
        if positive is not None and positive <= 0:
            raise ValueError(f"{key} must be positive, not {positive}")
    if config.train.ema is not None and not 0 < config.train.ema < 1:
        raise ValueError(f"train.ema is a decay between 0 and 1, not {config.train.ema}")
    if config.train.patience is not None and not (
        config.data and config.data.validation and config.train.validate_every
    ):
        raise ValueError(
            "train.patience needs held-out samples and a rhythm: set data.validation and train.validate_every"
        )
    if config.train.rollout is not None and not 0 <= config.train.rollout.noise < math.inf:
        raise ValueError(
            f"train.rollout.noise is the norm of the noise over that of the frames, 0 or more, not {config.train.rollout.noise}"
        )
    if config.train.incremental is not None:
        for key, share in (
            ("until", config.train.incremental.until),
            ("explained", config.train.incremental.explained),
        ):
            if not 0 < share <= 1:
                raise ValueError(f"train.incremental.{key} is a share above 0 and up to 1, not {share}")
    if config.train.precision != "full" and (config.data is None or config.dtype != "float32"):
        raise ValueError(
            f"train.precision {config.train.precision} is for operators whose dtype is float32; leave it at full"
        )
    if config.train.compile and config.problem is None:
        raise ValueError("train.compile is for a problem; leave it out where an operator is trained on data")
    for key in ("adaptive", "resample_until"):
        if not 0 <= (share := getattr(config.points, key)) <= 1:
            raise ValueError(f"points.{key} is a share from 0 to 1, not {share}")
    if config.data is not None:
        if not 0 <= config.data.input_noise < math.inf:
            raise ValueError(
                f"data.input_noise is the norm of the noise over that of the inputs, 0 or more, not {config.data.input_noise}"
            )
        if any(not weight > 0 for weight in config.train.channel_weights):
            raise ValueError(f"train.channel_weights must be positive, not {config.train.channel_weights}")
        if not 0 <= config.data.validation < 1:
            raise ValueError(f"data.validation is a share from 0 to below 1, not {config.data.validation}")
        if (until := config.data.coarse_until) is not None:
            if not 0 < until <= 1:
                raise ValueError(f"data.coarse_until is a share above 0 and up to 1, not {until}")
            if not config.data.coarsen:
                raise ValueError(
                    "data.coarse_until needs data.coarsen; name the factors of the coarser grids"
                )
        for key in ("train", "inputs", "targets"):
            if not getattr(config.data, key):
                raise ValueError(f"data.{key} is missing; give it in the file or as --data.{key}")
