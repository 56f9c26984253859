"""A data set as a task: input fields to target fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pdes import Grid
from sciml.data import FieldDataset, Normalizer, TrainingBatches, coarsened_grid
from sciml.data.normalizer import Mode
from sciml.evaluate import (
    TestSet,
    energy_beyond,
    error_spectrum,
    format_table,
    nyquist,
    relative_h1,
    relative_l2,
    super_resolution,
)
from sciml.plots import plot_comparison, plot_spectrum, plot_superresolution
from sciml.tasks.normalized import NormalizedOperator
from sciml.tasks.task import Evaluation, Task

SAMPLES_SHOWN = 3
Predictor = Callable[[Tensor, Grid], Tensor]
"""From inputs (batch, channel, *grid) and their grid to fields in the targets' channels."""


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
        for mine, other in zip(self.grid, test.grid, strict=len(self.grid) == len(test.grid)):
            found = (other.name, other.convention, other.lower, other.upper)
            if found != (mine.name, mine.convention, mine.lower, mine.upper):
                raise ValueError(
                    f"{path}: axis {other.name!r} is {other.convention} on [{other.lower:g}, {other.upper:g}], in training "
                    f"{mine.name!r} is {mine.convention} on [{mine.lower:g}, {mine.upper:g}]; convert the file to the same grid convention"
                )

    def _test_set(self, test: FieldDataset, name: str) -> TestSet:
        self._require_alike(test)
        x, y = test.load()
        x = self._batches.measured(x, self._batches.generator(-1))
        return TestSet(name, test.grid, x.to(self._device), y.to(self._device))

    def normalizers(self, inputs: Mode, targets: Mode) -> tuple[Normalizer, Normalizer]:
        """Statistics of the training samples, one pass each."""
        return (
            Normalizer.fit((x for x, _ in self._batches.all()), inputs),
            Normalizer.fit((y for _, y in self._batches.all()), targets),
        )

    def batch(self, step: int, model: nn.Module) -> tuple[Tensor, Tensor]:
        generator = self._batches.generator(step)
        return self._trained_on(*self._batches.draw(step, generator), generator)

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
        if self._validation is not None:
            rows = super_resolution(self.predictor(model), self.grid, [self._validation])
            return {"val_rel_l2": rows[0]["rel_l2"]}
        return {f"rel_l2_{row['name']}": row["rel_l2"] for row in self._rows(model)}

    def _rows(self, model: nn.Module) -> list[dict[str, Any]]:
        return super_resolution(self.predictor(model), self.grid, self.tests) if self.tests else []

    def evaluate(self, model: nn.Module) -> Evaluation:
        rows = self._rows(model)
        if not rows:
            return Evaluation({"rel_l2": None, "rel_l2_why": "no test file was given (data.test)"})
        on_train_grid = [test.name for test in self.tests if test.grid == self.grid]
        metrics: dict[str, Any] = {"rel_l2": None, "rel_l2_why": "no test file lies on the training grid"}
        if on_train_grid:
            metrics = {"rel_l2": next(row["rel_l2"] for row in rows if row["name"] == on_train_grid[0])}
        metrics["superresolution"] = rows
        if self._batches.coarsening:
            metrics["coarsening"] = self._coarsening()
        return Evaluation(metrics, self._figures(model, rows), format_table(rows))

    def _coarsening(self) -> list[dict[str, Any]]:
        """Which share of the energy of inputs and targets each coarser training grid mistakes for longer waves, or is without."""
        x, y = self._batches.largest()
        rows = []
        for factor in self._batches.coarsening:
            grid = coarsened_grid(self.grid, factor)
            shares = {name: energy_beyond(f, self.grid, grid) for name, f in (("inputs", x), ("targets", y))}
            rows.append({"resolution": _resolution(grid), "by": self._batches.method, **shares})
        return rows

    def _figures(self, model: nn.Module, rows: list[dict[str, Any]]) -> list[tuple[str, Any, str]]:
        predict = self.predictor(model)
        figures: list[tuple[str, Any, str]] = []
        if len(rows) > 1:
            caption = "Relative L2 error against resolution, beside the interpolation of the model's own training-resolution prediction."
            figures.append(
                ("superresolution.png", plot_superresolution(rows, _resolution(self.grid)), caption)
            )
        for test in sorted(self.tests, key=lambda test: test.grid.shape):
            size = " x ".join(map(str, test.grid.shape))
            with torch.no_grad():
                prediction = predict(test.inputs[:SAMPLES_SHOWN], test.grid)
            figure = plot_comparison(
                test.inputs[:SAMPLES_SHOWN, 0].cpu(),
                prediction[:, self._shown_channel].cpu(),
                test.targets[:SAMPLES_SHOWN, self._shown_channel].cpu(),
                test.grid,
                names=self._shown_names,
            )
            stem = re.sub(r"\W+", "_", test.name)
            figures.append((f"fields_{stem}.png", figure, f"Test samples at {size} points ({test.name})."))
        finest = max(self.tests, key=lambda test: test.grid.shape)
        with torch.no_grad():
            prediction = torch.cat([predict(x, finest.grid) for x in finest.inputs.split(32)])
        spectrum = error_spectrum(prediction.cpu(), finest.targets.cpu(), finest.grid)
        caption = f"Relative energy of the error by wavenumber ({finest.name}); the dashed line is the training grid's Nyquist wavenumber."
        figures.append(("spectrum.png", plot_spectrum(*spectrum, train_nyquist=nyquist(self.grid)), caption))
        return figures


def _resolution(grid: Grid) -> int | list[int]:
    """The points an axis, in one number where all have as many."""
    return grid.shape[0] if len(set(grid.shape)) == 1 else list(grid.shape)


def _short_names(tests: Sequence[FieldDataset]) -> list[str]:
    """The files' names without their ending, with their folders where the names alone would be ambiguous."""
    names = [test.file.path.stem for test in tests]
    return names if len(set(names)) == len(names) else [str(test.file.path.with_suffix("")) for test in tests]
