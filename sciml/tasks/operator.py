"""A data set as a task: input fields to target fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pdes import Grid
from sciml.data import FieldDataset, Normalizer, TrainingBatches, coarsened_grid
from sciml.data.normalizer import Mode
from sciml.evaluate import (
    Predictor,
    TestSet,
    checked_relative_l2,
    energy_beyond,
    predictions,
    relative_h1,
    relative_l2,
    resolution_of,
)
from sciml.tasks.evaluation import evaluate_operator
from sciml.tasks.normalized import NormalizedOperator
from sciml.tasks.task import Evaluation, Task


class OperatorTask(Task):
    """Supervised training on fields, in physical units, with a relative loss.

    Parameters
    ----------
    train : the training samples; their grid counts as the training grid
    also : further training samples, on other grids of the same domain
    tests : files to be evaluated, at any resolution
    validation : held-out samples that are looked at during training; without them `validate` looks at the tests
    batch_size : samples a step
    loss : "l2" or "h1"
    channel_weights : of the loss, wᵢ in ‖u‖² = Σᵢ wᵢ ‖uᵢ‖² over the target channels; 1 each by default
    input_noise : relative L2 norm of the noise on all inputs, see `with_noise`: anew at each step, fixed for tests
    seed, device : of the order of the samples and the noise; of the fields
    sampling : coarser grids and symmetries, see `TrainingBatches`

    Raises ValueError where another file has other channels or another domain than the training file, or where the data do
    not have the coarser grids or the symmetries.
    """

    def __init__(
        self,
        train: FieldDataset,
        tests: Sequence[FieldDataset] = (),
        *,
        also: Sequence[FieldDataset] = (),
        validation: FieldDataset | None = None,
        batch_size: int = 32,
        loss: str = "l2",
        channel_weights: Sequence[float] = (),
        input_noise: float = 0.0,
        seed: int = 0,
        device: torch.device | str = "cpu",
        workers: int = 0,
        **sampling: Any,
    ) -> None:
        self.train = train
        self.grid: Grid = train.grid
        self._loss, self._channel_weights, self._device = loss, channel_weights, device
        for other in also:
            self._require_alike(other)
        self._batches = TrainingBatches(
            [train, *also], batch_size, seed, device, workers, noise=input_noise, **sampling
        )
        self.steps_per_epoch = self._batches.steps_per_epoch
        self.tests = [
            self._test_set(test, name) for test, name in zip(tests, _short_names(tests), strict=True)
        ]
        self._validation = None if validation is None else self._test_set(validation, "validation")
        self.out_channels = train.out_channels  # of the model
        # in figures
        self._shown_names = (str(train.inputs[0]), str(train.targets[0]))
        self._shown_channel = 0

    def _require_alike(self, test: FieldDataset) -> None:
        """Raises ValueError unless a file has the channels, the domain and the convention of the training file."""
        path = test.file.path
        for role, ours, theirs in (
            ("input", self.train.in_channels, test.in_channels),
            ("target", self.train.out_channels, test.out_channels),
        ):
            if ours != theirs:
                raise ValueError(f"{path} has {theirs} {role} channel(s), the training file has {ours}")
        self._require_same_domain(test)

    def _require_same_domain(self, test: FieldDataset) -> None:
        path = test.file.path
        for mine, other in zip(self.grid, test.grid, strict=len(self.grid) == len(test.grid)):
            found = (other.name, other.convention, other.lower, other.upper)
            if found != (mine.name, mine.convention, mine.lower, mine.upper):
                raise ValueError(
                    f"{path}: axis {other.name!r} is {other.convention} on [{other.lower:g}, {other.upper:g}], in training "
                    f"{mine.name!r} is {mine.convention} on [{mine.lower:g}, {mine.upper:g}]; convert the file to the same grid convention"
                )

    def _test_set(self, test: FieldDataset, name: str) -> TestSet:
        self._require_alike(test)
        return self._load(test, name)

    def _load(self, test: FieldDataset, name: str, refinement: int = 1) -> TestSet:
        x, y = test.load()
        x = self._batches.measured(x, self._batches.generator(-1))
        channels = (tuple(test.channels(selections)) for selections in (test.inputs, test.targets))
        return TestSet(name, test.grid, x.to(self._device), y.to(self._device), refinement, *channels)

    def normalizers(self, inputs: Mode, targets: Mode) -> tuple[Normalizer, Normalizer]:
        """Statistics of the training samples, one pass each."""
        return (
            Normalizer.fit((x for x, _ in self._batches.all()), inputs),
            Normalizer.fit((y for _, y in self._batches.all()), targets),
        )

    def batch(self, step: int, model: nn.Module) -> tuple[Tensor, Tensor]:
        generator = self._batches.generator(step)
        return self._trained_on(*self._batches.draw(step, generator, self.progress), generator)

    def largest_batch(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        return self._trained_on(*self._batches.largest(), self._batches.generator(0))

    def _trained_on(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What a step takes of its samples' inputs and targets."""
        return x, y

    def losses(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        x, y = batch
        return self._loss_of(self.predictor(model)(x, self._grid_of(x)), y)

    def _grid_of(self, fields: Tensor) -> Grid:
        """The grid of a batch: all have the domain and the convention of the training grid."""
        return self.grid.resized(*fields.shape[2:])

    def _loss_of(self, prediction: Tensor, y: Tensor) -> dict[str, Tensor]:
        if self._channel_weights:
            roots = y.new_tensor(self._channel_weights).sqrt().view(-1, *[1] * len(self.grid))
            prediction, y = roots * prediction, roots * y
        if self._loss == "h1":
            return {"relative_h1": relative_h1(prediction, y, self._grid_of(y)).mean()}
        return {"relative_l2": relative_l2(prediction, y).mean()}

    def predictor(self, model: nn.Module) -> Predictor:
        """How the model predicts the targets on any grid."""
        assert isinstance(model, NormalizedOperator)
        return model.on

    def coarse_predictor(self, model: nn.Module) -> Predictor:
        """The predictor of the control, see `super_resolution`."""
        return self.predictor(model)

    def check(self, model: nn.Module) -> None:
        if self._channel_weights and len(self._channel_weights) != self.out_channels:
            raise ValueError(
                f"train.channel_weights has {len(self._channel_weights)} weights; the model has {self.out_channels} target channel(s)"
            )
        inputs = [(test.name, test.inputs[:1], test.grid) for test in self.tests]
        for x, _ in self._batches.samples():
            size = " x ".join(map(str, x.shape[2:]))
            inputs.append((f"training at {size} points", x, self._grid_of(x)))
        predict = self.predictor(model)
        for name, x, grid in inputs:
            try:
                with torch.no_grad():
                    predict(x, grid)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None

    def validate(self, model: nn.Module) -> dict[str, float]:
        watched = {f"rel_l2_{test.name}": test for test in self.tests}
        if self._validation is not None:
            watched = {"val_rel_l2": self._validation}
        return {key: self._mean_error(model, test) for key, test in watched.items()}

    def _mean_error(self, model: nn.Module, test: TestSet) -> float:
        found = predictions(self.predictor(model), test.inputs, test.grid).to(test.targets)
        return float(checked_relative_l2(found, test.targets, test.name).mean())

    def evaluate(self, model: nn.Module) -> Evaluation:
        evaluation = evaluate_operator(
            self.predictor(model),
            self.coarse_predictor(model),
            self._batches.grids,
            self.tests,
            self._shown_names,
            self._shown_channel,
        )
        if self.tests and self._batches.coarsening:
            evaluation.metrics["coarsening"] = self._coarsening()
        return evaluation

    def _coarsening(self) -> list[dict[str, Any]]:
        """Which share of the energy of inputs and targets each coarser training grid mistakes for longer waves, or is without."""
        x, y = self._batches.largest()
        rows = []
        for factor in self._batches.coarsening:
            grid = coarsened_grid(self.grid, factor)
            shares = {name: energy_beyond(f, self.grid, grid) for name, f in (("inputs", x), ("targets", y))}
            rows.append({"resolution": resolution_of(grid), "by": self._batches.method, **shares})
        return rows


def _short_names(tests: Sequence[FieldDataset]) -> list[str]:
    """The files' names without their ending, with their folders where the names alone would be ambiguous."""
    names = [test.file.path.stem for test in tests]
    return names if len(set(names)) == len(names) else [str(test.file.path.with_suffix("")) for test in tests]
