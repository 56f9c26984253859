"""A data set as a task: input fields to target fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pdes import Grid
from sciml.data import Batches, FieldDataset, Normalizer, with_noise
from sciml.data.normalizer import Mode
from sciml.evaluate import (
    TestSet,
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
    train : the training samples
    tests : files to be evaluated, at any resolution
    validation : held-out samples that are looked at during training; without them `validate` looks at the tests
    batch_size : samples a step
    loss : "l2" or "h1"
    transpose : swap the two axes of half of the samples at random
    input_noise : relative L2 norm of the noise on all inputs, see `with_noise`: anew at each step, fixed for tests
    seed, device : of the order of the samples and the noise; of the fields

    Raises ValueError where a test file has other channels or another domain than the training file, or where
    ``transpose`` is asked of fields that it does not suit.
    """

    def __init__(
        self,
        train: FieldDataset,
        tests: Sequence[FieldDataset] = (),
        *,
        validation: FieldDataset | None = None,
        batch_size: int = 32,
        loss: str = "l2",
        transpose: bool = False,
        input_noise: float = 0.0,
        seed: int = 0,
        device: torch.device | str = "cpu",
        workers: int = 0,
    ) -> None:
        self.train = train
        self.grid: Grid = train.grid
        self._loss, self._transpose, self._noise = loss, transpose, input_noise
        self._seed, self._device = seed, device
        if transpose:
            _require_transposable(train)
        self.tests = [
            self._test_set(test, name) for test, name in zip(tests, _short_names(tests), strict=True)
        ]
        self._validation = None if validation is None else self._test_set(validation, "validation")
        self._batches = Batches(train, batch_size, seed, device, workers)
        self.steps_per_epoch = self._batches.steps_per_epoch
        self.out_channels = train.out_channels  # of the model
        # in figures
        self._shown_names = (str(train.inputs[0]), str(train.targets[0]))
        self._shown_channel = 0

    def _test_set(self, test: FieldDataset, name: str) -> TestSet:
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
        x, y = test.load()
        x = self._measured(x, self._generator(-1))
        return TestSet(name, test.grid, x.to(self._device), y.to(self._device))

    def _generator(self, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(self._seed * 1_000_003 + step)

    def _measured(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return with_noise(x, self._noise, generator) if self._noise else x

    def normalizers(self, inputs: Mode, targets: Mode) -> tuple[Normalizer, Normalizer]:
        """Statistics of the training samples, one pass each."""
        return (
            Normalizer.fit((x for x, _ in self._batches.all()), inputs),
            Normalizer.fit((y for _, y in self._batches.all()), targets),
        )

    def batch(self, step: int, model: nn.Module) -> tuple[Tensor, Tensor]:
        x, y = self._batches[step]
        generator = self._generator(step)
        if self._transpose:
            swap = (torch.rand(len(x), generator=generator) < 0.5).to(x.device).reshape(-1, 1, 1, 1)
            x, y = (torch.where(swap, field.mT, field) for field in (x, y))
        return self._measured(x, generator), y

    def losses(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        x, y = batch
        return self._loss_of(self.predictor(model)(x, self.grid), y)

    def _loss_of(self, prediction: Tensor, y: Tensor) -> dict[str, Tensor]:
        if self._loss == "h1":
            return {"relative_h1": relative_h1(prediction, y, self.grid).mean()}
        return {"relative_l2": relative_l2(prediction, y).mean()}

    def predictor(self, model: nn.Module) -> Predictor:
        """How the model predicts the targets on any grid."""
        assert isinstance(model, NormalizedOperator)
        return model.on

    def check(self, model: nn.Module) -> None:
        predict = self.predictor(model)
        for test in self.tests:
            try:
                with torch.no_grad():
                    predict(test.inputs[:1], test.grid)
            except ValueError as error:
                raise ValueError(f"{test.name}: {error}") from None

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
        return Evaluation(metrics, self._figures(model, rows), format_table(rows))

    def _figures(self, model: nn.Module, rows: list[dict[str, Any]]) -> list[tuple[str, Any, str]]:
        predict = self.predictor(model)
        figures: list[tuple[str, Any, str]] = []
        resolution = self.grid.shape[0] if len(set(self.grid.shape)) == 1 else list(self.grid.shape)
        if len(rows) > 1:
            caption = "Relative L2 error against resolution, beside the interpolation of the model's own training-resolution prediction."
            figures.append(("superresolution.png", plot_superresolution(rows, resolution), caption))
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


def _short_names(tests: Sequence[FieldDataset]) -> list[str]:
    """The files' names without their ending, with their folders where the names alone would be ambiguous."""
    names = [test.file.path.stem for test in tests]
    return names if len(set(names)) == len(names) else [str(test.file.path.with_suffix("")) for test in tests]


def _require_transposable(dataset: FieldDataset) -> None:
    axes = dataset.grid.axes
    same = len(axes) == 2 and len({(a.n, a.lower, a.upper, a.convention, a.periodic) for a in axes}) == 1
    if not same or dataset.in_channels != len(dataset.inputs) or dataset.out_channels != len(dataset.targets):
        raise ValueError("data.transpose needs scalar fields on a grid of two equal axes; set it to false")
