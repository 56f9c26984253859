"""A model of one step in time as a task: trained along a stretch of its own output, tested along all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pdes import Axis, Grid
from sciml.data import FieldDataset, FieldFile, Normalizer, with_noise
from sciml.data.normalizer import Mode
from sciml.evaluate import (
    Predictor,
    TestSet,
    bootstrap_interval,
    interpolate,
    predictions,
    relative_l2,
    resolution_of,
)
from sciml.plots import plot_rollout
from sciml.tasks.normalized import NormalizedOperator
from sciml.tasks.operator import OperatorTask
from sciml.tasks.task import Evaluation


def rollout(predict: Callable[[Tensor], Tensor], frames: Tensor, steps: int) -> Tensor:
    """A model of one step in time, applied to its own output.

    Parameters
    ----------
    predict : from the last h frames (batch, h · c, *grid) to the next one (batch, c, *grid)
    frames : the first h, one after another along the channels
    steps : how many to predict

    Returns the frames that follow, (batch, steps · c, *grid).
    """
    found = [frames[:, :0]]
    for _ in range(steps):
        found.append(predict(frames))
        frames = torch.cat([frames[:, found[-1].shape[1] :], found[-1]], dim=1)
    return torch.cat(found, dim=1)


def interleaved_rollout(
    predict: Callable[[Tensor], Tensor], frames: Tensor, steps: int, refinement: int, channels: int
) -> Tensor:
    """A model of a step of length Δ on frames Δ / r apart: rolled out from each of them.

    An equation that does not depend on time lets the step begin anywhere, so frames Δ / r apart are r series of frames Δ apart.

    Parameters
    ----------
    predict : see `rollout`, as is ``steps``
    frames : the first r · h, one after another along the channels, (batch, r · h · c, *grid)
    refinement, channels : r and c

    Returns the frames that follow, up to the end of the last step, (batch, ((steps - 1) · r + 1) · c, *grid).
    """
    series = frames.unflatten(1, (-1, refinement, channels)).movedim(2, 1)
    found = rollout(predict, series.flatten(0, 1).flatten(1, 2), steps)
    in_order = found.unflatten(0, (-1, refinement)).unflatten(2, (steps, channels)).movedim(1, 2)
    return in_order.flatten(1, 2)[:, : (steps - 1) * refinement + 1].flatten(1, 2)


def interpolated_rollout(
    predict: Callable[[Tensor], Tensor],
    frames: Tensor,
    steps: int,
    refinement: int,
    channels: int,
    grid: Grid,
) -> Tensor:
    """The control of `interleaved_rollout`: one series of frames Δ apart, interpolated in time by a cubic spline.

    It is the series that ends with the last known frame, so that the control starts from what is newest, as the model does.
    """
    series = frames.unflatten(1, (-1, refinement, channels))[:, :, -1].flatten(1, 2)
    series = (
        torch.cat([series, rollout(predict, series, steps)], 1).unflatten(1, (-1, channels)).movedim(2, 1)
    )
    coarse = Grid([Axis("frame", series.shape[2], convention="vertices"), *grid])
    fine = Grid([coarse.axes[0].resized((series.shape[2] - 1) * refinement + 1), *grid])
    # the series begins refinement - 1 fine frames after the first
    first = frames.shape[1] // channels - (refinement - 1)
    found = interpolate(series, coarse, fine)[:, :, first : first + (steps - 1) * refinement + 1]
    return found.movedim(1, 2).flatten(1, 2)


class RolloutTask(OperatorTask):
    """Predicts one field step by step: ``inputs`` are its first frames ("w[0:10]"), ``targets`` all that follow ("w[10:50]").

    A training step takes a stretch of each sample that begins at a frame drawn at random. The loss is that of the predicted
    frames, the mean of their relative errors. Tests, validation and super-resolution roll out from the first frames to the last.

    Parameters
    ----------
    unroll : frames predicted in a training step, each from those before it. 1: always from true frames (teacher forcing)
    pushforward : of the frames predicted, only the last counts, and it is blind to how its inputs came about: the model
        learns to go on from its own errors at the cost of one step's gradient. How many are predicted is drawn for each
        step, from 1, so that it learns from true frames too (J. Brandstetter, D. Worrall, M. Welling, arXiv:2202.03376, whose
        loss is the sum of a step from true frames and one from the model's own)
    noise : relative L2 norm of the noise on the frames that a training step begins with
    others : see `OperatorTask`

    Raises ValueError where inputs and targets are not one field at consecutive times, or have fewer targets than ``unroll``.
    """

    def __init__(
        self,
        train: FieldDataset,
        tests: Sequence[FieldDataset] = (),
        *,
        unroll: int = 1,
        pushforward: bool = False,
        noise: float = 0.0,
        **others: Any,
    ) -> None:
        first, rest = train.steps(train.inputs[0]), train.steps(train.targets[0])
        fields = {selection.field for selection in (*train.inputs, *train.targets)}
        if len(fields) > 1 or len(train.inputs) + len(train.targets) > 2 or first.stop != rest.start:
            shown = (", ".join(map(str, selections)) for selections in (train.inputs, train.targets))
            raise ValueError(
                "a roll-out goes from the first frames of one field to those that follow, such as data.inputs [w[0:10]] and "
                "data.targets [w[10:50]], not from {} to {}".format(*shown)
            )
        if unroll > len(rest):
            raise ValueError(f"train.rollout.unroll is {unroll}, but data.targets has {len(rest)} frames")
        super().__init__(train, tests, **others)
        self.steps = len(rest)
        self.out_channels = train.in_channels // len(first)
        field = train.inputs[0].field
        self._shown_names, self._shown_channel = (f"{field}[{first[0]}]", f"{field}[{rest[-1]}]"), -1
        self._unroll, self._pushforward, self._frame_noise = unroll, pushforward, noise

    def normalizers(self, inputs: Mode, targets: Mode) -> tuple[Normalizer, Normalizer]:
        """Statistics of all frames alike, since each is an input at some step."""

        def fit(mode: Mode, copies: int) -> Normalizer:
            frames = (
                torch.cat(pair, 1).unflatten(1, (-1, self.out_channels)) for pair in self._batches.all()
            )
            one = Normalizer.fit((f.flatten(0, 1) for f in frames), mode)
            every = Normalizer(copies * self.out_channels, mode, dtype=one.mean.dtype)
            every.load_state_dict({name: value.repeat(copies) for name, value in one.state_dict().items()})
            return every

        return fit(inputs, self.train.in_channels // self.out_channels), fit(targets, 1)

    def _test_set(self, test: FieldDataset, name: str) -> TestSet:
        """All frames of the test file from the first of ``inputs`` to the last of ``targets``, which may be finer in time."""
        path, ours, theirs = test.file.path, frame_interval(self.train.file), frame_interval(test.file)
        refinement = round(ours / theirs)
        if refinement < 1 or abs(ours / theirs - refinement) > 1e-3:
            raise ValueError(
                f"{path}: frames are {theirs:g} apart, in training {ours:g}; a test file has frames as far apart, or a whole fraction of that"
            )
        field, inputs = test.inputs[0].field, self.train.steps(self.train.inputs[0])
        begin, change = inputs.start * refinement, inputs.stop * refinement
        end = (self.train.steps(self.train.targets[0]).stop - 1) * refinement + 1
        frames = FieldDataset(
            path,
            [f"{field}[{begin}:{change}]"],
            [f"{field}[{change}:{end}]"],
            indices=test.indices,
            dtype=test.dtype,
        )
        if frames.in_channels != self.train.in_channels * refinement:
            raise ValueError(
                f"{path}: a frame of {field!r} has {frames.in_channels // len(inputs) // refinement} channel(s), in training "
                f"{self.train.in_channels // len(inputs)}"
            )
        self._require_same_domain(frames)
        return self._load(frames, name, refinement)

    def predictor(self, model: nn.Module) -> Predictor:
        assert isinstance(model, NormalizedOperator)

        def predict(frames: Tensor, grid: Grid) -> Tensor:
            refinement = frames.shape[1] // self.train.in_channels
            return interleaved_rollout(
                lambda last: model.on(last, grid), frames, self.steps, refinement, self.out_channels
            )

        return predict

    def coarse_predictor(self, model: nn.Module) -> Predictor:
        assert isinstance(model, NormalizedOperator)

        def predict(frames: Tensor, grid: Grid) -> Tensor:
            refinement = frames.shape[1] // self.train.in_channels
            return interpolated_rollout(
                lambda last: model.on(last, grid), frames, self.steps, refinement, self.out_channels, grid
            )

        return predict

    def _trained_on(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        steps = self._unroll
        if self._pushforward:
            steps = 1 + int(torch.randint(self._unroll, (), generator=generator))
        start = int(torch.randint(self.steps - steps + 1, (), generator=generator))
        series = torch.cat([x, y], 1)[:, start * self.out_channels :]
        first, rest = series[:, : x.shape[1]], series[:, x.shape[1] :]
        if self._frame_noise:
            first = with_noise(first, self._frame_noise, generator)
        return first, rest[:, : steps * self.out_channels]

    def losses(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        assert isinstance(model, NormalizedOperator)
        frames, truth = batch
        steps, grid = truth.shape[1] // self.out_channels, self._grid_of(truth)
        if self._pushforward:
            with torch.no_grad():
                before = rollout(lambda last: model.on(last, grid), frames, steps - 1)
            frames = torch.cat([frames, before], 1)[:, -frames.shape[1] :]
            truth, steps = truth[:, -self.out_channels :], 1
        prediction = rollout(lambda last: model.on(last, grid), frames, steps)
        # each frame is a sample of its own: late ones, which may have decayed, count as much
        return self._loss_of(*(f.unflatten(1, (steps, -1)).flatten(0, 1) for f in (prediction, truth)))

    def evaluate(self, model: nn.Module) -> Evaluation:
        evaluation = super().evaluate(model)
        if not self.tests:
            return evaluation
        curves = [self._over_time(model, test) for test in self.tests]
        evaluation.metrics["train_interval"] = frame_interval(self.train.file)
        evaluation.metrics["rollout"] = curves
        caption = (
            "Relative L2 error of each predicted frame, mean over the test samples: the model applied to its own output. Shaded: "
            "95 % of bootstrap samples of the test set. Dotted: the last known frame for all times."
        )
        evaluation.figures.insert(0, ("rollout.png", plot_rollout(curves), caption))
        return evaluation

    def _over_time(self, model: nn.Module, test: TestSet) -> dict[str, Any]:
        """The error at each predicted time, with its bootstrap interval, and that of predicting no change."""
        predicted = predictions(self.predictor(model), test.inputs, test.grid).to(test.targets)
        truth = test.targets.unflatten(1, (-1, self.out_channels)).unbind(1)
        last = test.inputs[:, -self.out_channels :]
        errors = [
            bootstrap_interval(relative_l2(p, q))
            for p, q in zip(predicted.unflatten(1, (-1, self.out_channels)).unbind(1), truth, strict=True)
        ]
        return {
            "name": test.name,
            "resolution": resolution_of(test.grid),
            "refinement": test.refinement,
            "times": [channel.time for channel in test.target_channels[:: self.out_channels]],
            "rel_l2": [error.mean for error in errors],
            "rel_l2_interval": [[error.low, error.high] for error in errors],
            "persistence_rel_l2": [float(relative_l2(last, frame).mean()) for frame in truth],
        }


def frame_interval(file: FieldFile) -> float:
    """The time between two frames of a file. Raises ValueError where they are not equally far apart."""
    steps = np.diff(file.times.reshape(-1, file.n_times).astype(np.float64), axis=1)
    if np.ptp(steps) > 1e-3 * steps.mean():
        raise ValueError(
            f"{file.path}: frames are {steps.min():g} to {steps.max():g} apart; a roll-out needs equal intervals"
        )
    return float(f"{steps.mean():.6g}")
