"""What a run is made of: its configuration, typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


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
    resample_until : share of the training after which points stay, so that the model settles on them; 0 to 1
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
    resample_until: float = 1.0
    redraw_above: float | None = None
    adaptive: float = 0.0
    grid: list[int] = field(default_factory=list)
    sobolev_order: float = 0.0


@dataclass
class DataConfig:
    """What an operator is trained and tested on.

    Parameters
    ----------
    train : HDF5 file with the training samples; or several, on grids of one domain: each batch comes from one of them, and the
        finest grid counts as the training grid
    test : one or more HDF5 files, at any resolution; each is evaluated
    inputs, targets : fields by name, with a time index where a file holds several times: "a", "u[0]", "u[-1]"
    validation : share of the training samples held out, drawn with the seed, and looked at during training
    workers : processes that read a data set too large for memory
    batch_size : samples a step
    normalize_inputs, normalize_targets : "standard", "scale" (keeps zero at zero) or "none", per channel
    coarsen : each batch lies on its file's grid or on one with so many times the spacing, drawn at random; such as [2, 4]
    coarse_until : the coarser grids come first, the coarsest foremost, until this share of the training is over, and then the
        files' own; by default they are drawn at random throughout
    coarsen_by : "subsample" keeps the values at the points that remain, so that fine scales are aliased; "spectral" first takes
        away the waves that a coarser grid does not hold, on periodic axes
    symmetries : of the problem, under one of which each sample is seen, drawn at random: reflections of the axes, rotations by
        quarter turns, permutations of the axes, translations along periodic axes, and what they generate together
    average_symmetries : predictions are means over the symmetries, translations apart, and so have them exactly; each takes as many
        evaluations of the model as there are symmetries
    pseudo : fields whose sign changes with the orientation, as that of a vorticity; in one dimension, velocities
    input_noise : relative L2 norm of the noise on the inputs: drawn anew at each step, and once, by the seed, for tests
    """

    train: str | list[str] = ""
    test: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    validation: float = 0.0
    batch_size: int = 32
    normalize_inputs: Literal["standard", "scale", "none"] = "standard"
    normalize_targets: Literal["standard", "scale", "none"] = "standard"
    coarsen: list[int] = field(default_factory=list)
    coarse_until: float | None = None
    coarsen_by: Literal["subsample", "spectral"] = "subsample"
    symmetries: list[Literal["reflections", "rotations", "permutations", "translations"]] = field(
        default_factory=list
    )
    average_symmetries: bool = False
    pseudo: list[str] = field(default_factory=list)
    input_noise: float = 0.0
    workers: int = 0

    @property
    def train_files(self) -> list[str]:
        return [self.train] if isinstance(self.train, str) else self.train


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
    pushforward : only the last of them counts, without gradients through the others, and their number is drawn from 1 to ``unroll``
    noise : relative L2 norm of the noise on the frames that a training step begins with
    """

    unroll: int = 1
    pushforward: bool = False
    noise: float = 0.0


@dataclass
class IncrementalConfig:
    """Fourier modes that join the training one after another, from long waves to short ones.

    Parameters
    ----------
    start : largest wavenumber on each axis that is trained from the beginning
    grow : "schedule" adds wavenumbers evenly; "energy" adds one to an axis of a layer whose outermost waves are in use
    until : share of the training by which a schedule has added all
    explained : waves are in use where they hold more than one minus this share of the layer's squared weights
    every : steps between two looks at the weights
    """

    start: int = 2
    grow: Literal["schedule", "energy"] = "schedule"
    until: float = 0.5
    explained: float = 0.99
    every: int = 50


@dataclass
class TrainConfig:
    """How a model is trained.

    Parameters
    ----------
    stages : optimisers one after another
    balancer : how several losses become one update, as `sciml list balancers` shows it
    loss : of an operator: "l2" or "h1", relative and per sample
    channel_weights : of that loss, wᵢ in ‖u‖² = Σᵢ wᵢ ‖uᵢ‖², one for each target channel; 1 each by default
    rollout : the operator predicts one step in time and is applied to its own output; by default it predicts all targets at once
    incremental : an operator's Fourier modes join the training one after another; by default all are trained from the beginning
    precision : "bfloat16" or "float16" run an operator's matrix products in half precision; weights and spectral
        convolutions stay in float32
    compile : of a PINN with a first-order or quasi-Newton optimiser, torch.compile the losses at the first step, and use that if it is faster
        than our own kernels
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
    channel_weights: list[float] = field(default_factory=list)
    rollout: RolloutConfig | None = None
    incremental: IncrementalConfig | None = None
    precision: Literal["full", "bfloat16", "float16"] = "full"
    compile: bool = False
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
