"""A model of one step in time as a task: trained along a stretch of its own output, tested along all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pdes import Grid
from sciml.data import FieldDataset, Normalizer, with_noise
from sciml.data.normalizer import Mode
from sciml.evaluate import relative_l2
from sciml.plots import plot_rollout
from sciml.tasks.normalized import NormalizedOperator
from sciml.tasks.operator import OperatorTask, Predictor
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
        super().__init__(train, tests, **others)
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

    def predictor(self, model: nn.Module) -> Predictor:
        assert isinstance(model, NormalizedOperator)

        def predict(frames: Tensor, grid: Grid) -> Tensor:
            return rollout(lambda last: model.on(last, grid), frames, self.steps)

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
        predict = self.predictor(model)
        errors = {}
        with torch.no_grad():
            for test in self.tests:
                parts = zip(test.inputs.split(32), test.targets.split(32), strict=True)
                pairs = [(predict(x, test.grid).to(y), y) for x, y in parts]
                frames = [
                    torch.cat(f).unflatten(1, (self.steps, -1)).unbind(1) for f in zip(*pairs, strict=True)
                ]
                errors[test.name] = [float(relative_l2(p, q).mean()) for p, q in zip(*frames, strict=True)]
        evaluation.metrics["rollout"] = errors
        caption = "Relative L2 error of each predicted frame, mean over the test samples: the model applied to its own output."
        evaluation.figures.insert(0, ("rollout.png", plot_rollout(errors), caption))
        return evaluation
