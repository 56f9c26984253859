"""The typed configuration of a run: a YAML file, with any key overridden by ``--dotted.key value``."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from sciml.yaml_file import read_yaml


@dataclass
class Component:
    """Something chosen by name, with the options of its constructor.

    Parameters
    ----------
    name : as `sciml list` shows it
    options : constructor arguments by name; what the problem or the data fix is filled in
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class PointsConfig:
    """Where the residuals of a PINN are taken.

    Parameters
    ----------
    interior : collocation points of the equation
    conditions : points of each condition, by its name; a condition not named here has 200
    interior_max : the number of points doubles with each draw until the interior would have more than this
    resample_every : draw new points after so many steps; 0 keeps the first ones
    redraw_above : at these steps, draw only where the mean squared residual at points held out is more than so many
        times that at the training points; by default always
    adaptive : share of the interior points drawn where the residual is large (RAD), 0 to 1
    grid : numbers of points along the coordinates, for a grid in place of ``interior`` points
    sobolev_order : of the norm of the equation's residuals on a grid; -1 counts fine scales less, 0 is the mean square
    """

    interior: int = 4000
    interior_max: int | None = None
    conditions: dict[str, int] = field(default_factory=dict)
    resample_every: int = 0
    redraw_above: float | None = None
    adaptive: float = 0.0
    grid: list[int] = field(default_factory=list)
    sobolev_order: float = 0.0


@dataclass
class DataConfig:
    """What an operator is trained and tested on.

    Parameters
    ----------
    train : HDF5 file with the training samples
    test : one or more HDF5 files, at any resolution; each is evaluated
    inputs, targets : fields by name, with a time index where a file holds several times: "a", "u[0]", "u[-1]"
    validation : share of the training samples held out, drawn with the seed, and looked at during training
    workers : processes that read a data set too large for memory
    batch_size : samples a step
    normalize_inputs, normalize_targets : "standard", "scale" (keeps zero at zero) or "none", per channel
    transpose : swap the two space axes of half of the samples at random; for data with that symmetry
    input_noise : relative L2 norm of the noise on the inputs: drawn anew at each step, and once, by the seed, for tests
    """

    train: str = ""
    test: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    validation: float = 0.0
    batch_size: int = 32
    normalize_inputs: Literal["standard", "scale", "none"] = "standard"
    normalize_targets: Literal["standard", "scale", "none"] = "standard"
    transpose: bool = False
    input_noise: float = 0.0
    workers: int = 0


@dataclass
class Stage:
    """One optimiser for a stretch of the training.

    Parameters
    ----------
    optimizer : as `sciml list optimizers` shows it: Adam, LBFGS, SSBroyden, LevenbergMarquardt, SOAP, ...
    steps, epochs : length of the stage; give one (epochs need a data set). A step of a quasi-Newton method is 20 iterations
    schedule : learning rate over the progress of the stage: constant, cosine, or one-cycle
    time_share : the stage takes at most this share of train.max_seconds
    options : further arguments of the optimiser, lr among them
    balancer : of this stage; train.balancer by default
    """

    optimizer: str = "Adam"
    steps: int | None = None
    epochs: int | None = None
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    time_share: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    balancer: Component | None = None


@dataclass
class RolloutConfig:
    """How a model of one step in time is trained, whose inputs are frames and whose targets are those that follow.

    Parameters
    ----------
    unroll : frames predicted in a training step, each from those before it; 1 trains on true frames only
    pushforward : only the last of them counts, without gradients through the others
    noise : relative L2 norm of the noise on the frames that a training step begins with
    """

    unroll: int = 1
    pushforward: bool = False
    noise: float = 0.0


@dataclass
class TrainConfig:
    """How a model is trained.

    Parameters
    ----------
    stages : optimisers one after another
    balancer : how several losses become one update, as `sciml list balancers` shows it
    loss : of an operator: "l2" or "h1", relative and per sample
    rollout : the operator predicts one step in time and is applied to its own output; by default it predicts all targets at once
    max_seconds : stop training at this wall-clock budget, finish the schedules by then, and write the report
    gradient_clip : largest norm of the gradient of a first-order optimiser; none by default
    log_every : steps between two lines of metrics.jsonl
    log_gradients : the losses' gradients in these lines even where the balancer does not take them anyway
    validate_every : steps between two validations; 0 only validates at the end
    checkpoint_seconds : seconds between two checkpoints
    ema : decay of an exponential moving average of the weights, near 1, that is validated and saved in place of the
        last weights; none by default
    patience : stop after so many validations on the held-out samples (data.validation) without improvement, and keep the best
        weights; by default a run goes to its end
    """

    stages: list[Stage] = field(default_factory=list)
    balancer: Component = field(default_factory=lambda: Component("WeightedSum"))
    loss: Literal["l2", "h1"] = "l2"
    rollout: RolloutConfig | None = None
    max_seconds: float | None = None
    gradient_clip: float | None = None
    log_every: int = 50
    log_gradients: bool = False
    validate_every: int = 0
    checkpoint_seconds: float = 30.0
    ema: float | None = None
    patience: int | None = None


@dataclass
class Config:
    """A run. With a ``problem`` it trains a PINN, with ``data`` an operator.

    Parameters
    ----------
    name : of the run
    output : run folder; runs/<name> by default
    seed : reproduces a run bit for bit on one machine
    device : "auto" takes a GPU where there is one
    dtype : of parameters and fields
    threads : CPU threads; torch's own choice by default
    problem : a named benchmark of `pdes.benchmarks`, or "file.py:function" that returns a `pdes.Problem`
    exact : conditions that the network satisfies by construction, by their names, or [all] that can be; the others
        are losses. See `pdes.ExactConditions`
    """

    name: str = "run"
    output: str | None = None
    seed: int = 0
    device: str = "auto"
    dtype: Literal["float32", "float64"] = "float32"
    threads: int | None = None
    problem: Component | None = None
    exact: list[str] = field(default_factory=list)
    points: PointsConfig = field(default_factory=PointsConfig)
    data: DataConfig | None = None
    model: Component = field(default_factory=lambda: Component("FNO"))
    train: TrainConfig = field(default_factory=TrainConfig)

    @property
    def folder(self) -> Path:
        return Path(self.output or f"runs/{self.name}")


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
        ("train.rollout.unroll", config.train.rollout and config.train.rollout.unroll),
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
    if not 0 <= config.points.adaptive <= 1:
        raise ValueError(f"points.adaptive is a share from 0 to 1, not {config.points.adaptive}")
    if config.data is not None:
        if not 0 <= config.data.input_noise < math.inf:
            raise ValueError(
                f"data.input_noise is the norm of the noise over that of the inputs, 0 or more, not {config.data.input_noise}"
            )
        if not 0 <= config.data.validation < 1:
            raise ValueError(f"data.validation is a share from 0 to below 1, not {config.data.validation}")
        for key in ("train", "inputs", "targets"):
            if not getattr(config.data, key):
                raise ValueError(f"data.{key} is missing; give it in the file or as --data.{key}")
