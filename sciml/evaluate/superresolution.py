"""Zero-shot super-resolution: a model trained on one grid, tested on others, beside an honest control.

A small error on a fine grid proves little by itself: interpolating the model's own prediction from the
training grid may do as well. Each row therefore reports both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pdes.grid import Grid
from sciml.data.dataset import Channel
from sciml.evaluate.interpolate import Method, check_same_domain, interpolate
from sciml.evaluate.metrics import checked_relative_l2, relative_l2
from sciml.evaluate.spectra import energy_beyond
from sciml.evaluate.statistics import bootstrap_interval

Row = dict[str, Any]
Predictor = Callable[[Tensor, Grid], Tensor]
"""From inputs (batch, channel, *grid) and their grid to fields in the targets' channels."""


@dataclass(frozen=True)
class TestSet:
    """Inputs (sample, channel, *grid) and targets (sample, channel, *grid) on one grid.

    Parameters
    ----------
    refinement
        Frames for each one that the model was trained on: more than 1 for roll-outs on data that are finer in time.
    input_channels, target_channels
        What the channels hold, for those who judge predictions by their equation; may be left out.

    Raises ValueError where they are empty, differ in number or do not lie on the grid.
    """

    __test__: ClassVar[bool] = False  # the name alone would make pytest collect it

    name: str
    grid: Grid
    inputs: Tensor
    targets: Tensor
    refinement: int = 1
    input_channels: tuple[Channel, ...] = ()
    target_channels: tuple[Channel, ...] = ()

    def __post_init__(self) -> None:
        for role, fields in (("inputs", self.inputs), ("targets", self.targets)):
            if tuple(fields.shape[2:]) != self.grid.shape:
                raise ValueError(
                    f"test set {self.name!r}: {role} of shape {tuple(fields.shape)} do not lie on a grid of shape "
                    f"{self.grid.shape}; expected (sample, channel, *grid)"
                )
        if len(self.inputs) != len(self.targets) or not len(self.inputs):
            raise ValueError(
                f"test set {self.name!r} has {len(self.inputs)} inputs and {len(self.targets)} targets; "
                "expected the same number, at least one"
            )


def at_resolutions(tests: Sequence[TestSet], resolutions: Sequence[int]) -> list[TestSet]:
    """The test sets with so many points an axis; a missing one is subsampled from the finest.

    Raises ValueError for no test set and for a resolution that is not nested in the finest.
    """
    if not tests:
        raise ValueError("there is no test set to take resolutions from; name a test file")
    finest = max(tests, key=lambda test: test.grid.shape)
    chosen = []
    for n in resolutions:
        grid = finest.grid.resized(n)
        there = [test for test in tests if test.grid == grid]
        if there:
            chosen += there
            continue
        points: tuple[Any, ...] = (..., *(axis.nested(n) for axis in finest.grid))
        chosen.append(
            dataclasses.replace(
                finest,
                name=f"{finest.name} at {n}",
                grid=grid,
                inputs=finest.inputs[points],
                targets=finest.targets[points],
            )
        )
    return chosen


def super_resolution(
    predict: Predictor,
    train_grid: Grid,
    tests: Sequence[TestSet],
    *,
    also: Sequence[Grid] = (),
    coarse: Predictor | None = None,
    batch_size: int = 32,
    restriction: Method = "linear",
) -> list[Row]:
    """Mean relative L2 error of a model on every test set, and of its control.

    The control restricts the test inputs to ``train_grid``, predicts there, where the model was trained, and
    carries that prediction to the test grid by a cubic spline, or by the trigonometric polynomial on periodic axes where
    that has the smaller error. A model that does not beat it has shown no super-resolution.

    Parameters
    ----------
    predict
        Maps inputs (batch, channel, *grid) and their grid to fields (batch, channel, *grid) in the targets' unit.
    train_grid
        The grid the model was trained on.
    tests
        Test sets on grids of the same domain.
    also
        Further grids that it was trained on.
    coarse
        The predictor of the control: for inputs that are finer in time than in training, a prediction at the training's
        interval, interpolated in time. ``predict`` by default.
    restriction
        How test inputs reach a training grid whose points are not among theirs (nested grids are subsampled):
        "linear" neither overshoots nor shifts the field; "nearest" keeps a coefficient's exact values but may
        shift it by half a fine cell, which weakens the control.

    Returns
    -------
    One row for each test set, from coarse to fine: ``resolution`` (one number, or a list where axes differ), ``refinement``
    (frames of the test set for each of the training), ``protocol`` (see `protocol`), ``rel_l2`` with the bootstrap interval
    ``rel_l2_interval`` of 95 %, ``interpolated_rel_l2`` (the control; None where there is nothing to interpolate) and
    ``interpolation`` (its method), ``ratio_to_train`` (rel_l2 over that on the training grid; None without such a test set),
    ``beyond_nyquist`` (on grids finer than the training grid, the energy at wavenumbers that it does not hold, each as a share
    of the truth's energy: of the truth, the prediction, the interpolated prediction and the error), ``n_samples`` and ``name``.

    Raises
    ------
    ValueError
        For no test set at all, a domain other than that of ``train_grid``, or an undefined error (NaN, zero truth).
    """
    if not tests:
        raise ValueError("super_resolution needs at least one test set")
    for test in tests:
        check_same_domain(train_grid, test.grid)
    ordered = sorted(tests, key=lambda test: (test.grid.shape, test.refinement))
    rows = [
        _evaluate(predict, coarse or predict, [train_grid, *also], test, batch_size, restriction)
        for test in ordered
    ]
    at_train = [
        row["rel_l2"]
        for row, test in zip(rows, ordered, strict=True)
        if test.grid == train_grid and test.refinement == 1
    ]
    for row in rows:
        row["ratio_to_train"] = row["rel_l2"] / at_train[0] if at_train and at_train[0] > 0 else None
    return rows


def predictions(predict: Predictor, inputs: Tensor, grid: Grid, batch_size: int = 32) -> Tensor:
    """The predictions for all ``inputs`` (sample, channel, *grid), taken in batches and without a graph."""
    # no_grad rather than inference_mode: a learned solver takes gradients inside its forward pass
    with torch.no_grad():
        return torch.cat([predict(part, grid) for part in inputs.split(batch_size)])


def protocol(train_grids: Sequence[Grid], test: TestSet) -> str:
    """How a model trained on these grids is tested.

    "high-to-high": where it was trained, so it has seen data of that resolution. "low-to-high": somewhere finer, in space or in
    time, zero-shot. "high-to-low": somewhere coarser. The first two are different claims and are kept apart.
    """
    if test.grid in train_grids and test.refinement == 1:
        return "high-to-high"
    finer = all(any(new.n > old.n for new, old in zip(test.grid, grid, strict=True)) for grid in train_grids)
    return "low-to-high" if finer or test.refinement > 1 else "high-to-low"


def _evaluate(
    predict: Predictor,
    coarse: Predictor,
    train_grids: Sequence[Grid],
    test: TestSet,
    batch_size: int,
    restriction: Method,
) -> Row:
    train_grid = train_grids[0]
    predicted = predictions(predict, test.inputs, test.grid, batch_size).to(test.targets)
    mean, *interval = bootstrap_interval(checked_relative_l2(predicted, test.targets, test.name))
    method, control, error = None, None, None
    if test.grid != train_grid or test.refinement > 1:
        method, control = _best_control(coarse, train_grid, test, batch_size, restriction)
        error = float(checked_relative_l2(control, test.targets, f"{test.name} (control)").mean())
    return {
        "resolution": resolution_of(test.grid),
        "refinement": test.refinement,
        "protocol": protocol(train_grids, test),
        "rel_l2": mean,
        "rel_l2_interval": None if None in interval else interval,
        "interpolated_rel_l2": error,
        "interpolation": method,
        "ratio_to_train": None,
        "beyond_nyquist": _beyond_nyquist(predicted, control, test, train_grid),
        "n_samples": len(test.targets),
        "name": test.name,
    }


def _best_control(
    coarse: Predictor, train_grid: Grid, test: TestSet, batch_size: int, restriction: Method
) -> tuple[Method, Tensor]:
    """The interpolation with the smaller error, and the fields that it gives."""
    restricted = interpolate(test.inputs, test.grid, train_grid, restriction)
    predicted = predictions(coarse, restricted, train_grid, batch_size).to(test.targets)
    found: dict[Method, Tensor] = {"cubic": interpolate(predicted, train_grid, test.grid, "cubic")}
    if any(axis.periodic for axis in train_grid):
        found["trigonometric"] = interpolate(predicted, train_grid, test.grid, "trigonometric")
    best = min(found, key=lambda method: float(relative_l2(found[method], test.targets).mean()))
    return best, found[best]


def _beyond_nyquist(
    predicted: Tensor, control: Tensor | None, test: TestSet, train_grid: Grid
) -> dict[str, float | None] | None:
    if not any(new.n > old.n for new, old in zip(test.grid, train_grid, strict=True)):
        return None
    fields = {
        "truth": test.targets,
        "prediction": predicted,
        "interpolated": control,
        "error": predicted - test.targets,
    }
    return {
        name: None if field is None else energy_beyond(field, test.grid, train_grid, of=test.targets)
        for name, field in fields.items()
    }


def resolution_of(grid: Grid) -> int | list[int]:
    """The points of each axis, in one number where all have the same."""
    return grid.shape[0] if len(set(grid.shape)) == 1 else list(grid.shape)
