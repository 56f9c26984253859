"""Zero-shot super-resolution: a model trained on one grid, tested on others, beside an honest control.

A small error on a fine grid proves little by itself: interpolating the model's own prediction from the
training grid may do as well. Each row therefore reports both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pdes.grid import Grid
from sciml.evaluate.interpolate import Method, check_same_domain, interpolate
from sciml.evaluate.metrics import checked_relative_l2

Row = dict[str, Any]


@dataclass(frozen=True)
class TestSet:
    """Inputs (sample, channel, *grid) and targets (sample, channel, *grid) on one grid.

    Raises ValueError where they are empty, differ in number or do not lie on the grid.
    """

    __test__: ClassVar[bool] = False  # the name alone would make pytest collect it

    name: str
    grid: Grid
    inputs: Tensor
    targets: Tensor

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
        chosen.append(TestSet(f"{finest.name} at {n}", grid, finest.inputs[points], finest.targets[points]))
    return chosen


def super_resolution(
    predict: Callable[[Tensor, Grid], Tensor],
    train_grid: Grid,
    tests: Sequence[TestSet],
    *,
    batch_size: int = 32,
    restriction: Method = "linear",
) -> list[Row]:
    """Mean relative L2 error of a model on every test set, and of its control.

    The control restricts the test inputs to ``train_grid``, predicts there, where the model was trained, and
    carries that prediction to the test grid by a cubic spline. A model that does not beat it has shown no
    super-resolution.

    Parameters
    ----------
    predict
        Maps inputs (batch, channel, *grid) and their grid to fields (batch, channel, *grid) in the targets' unit.
    train_grid
        The grid the model was trained on.
    tests
        Test sets on grids of the same domain.
    restriction
        How test inputs reach a training grid whose points are not among theirs (nested grids are subsampled):
        "linear" neither overshoots nor shifts the field; "nearest" keeps a coefficient's exact values but may
        shift it by half a fine cell, which weakens the control.

    Returns
    -------
    One row for each test set, from coarse to fine: ``resolution`` (one number, or a list where axes differ),
    ``rel_l2``, ``interpolated_rel_l2`` (the control; None on the training grid), ``ratio_to_train`` (rel_l2 over
    that on the training grid; None without such a test set), ``n_samples`` and ``name``.

    Raises
    ------
    ValueError
        For no test set at all, a domain other than that of ``train_grid``, or an undefined error (NaN, zero truth).
    """
    if not tests:
        raise ValueError("super_resolution needs at least one test set")
    for test in tests:
        check_same_domain(train_grid, test.grid)
    ordered = sorted(tests, key=lambda test: test.grid.shape)
    rows = [_evaluate(predict, train_grid, test, batch_size, restriction) for test in ordered]
    at_train = [row["rel_l2"] for row, test in zip(rows, ordered, strict=True) if test.grid == train_grid]
    for row in rows:
        row["ratio_to_train"] = row["rel_l2"] / at_train[0] if at_train and at_train[0] > 0 else None
    return rows


def _evaluate(
    predict: Callable[[Tensor, Grid], Tensor],
    train_grid: Grid,
    test: TestSet,
    batch_size: int,
    restriction: Method,
) -> Row:
    errors, controls = [], []
    # no_grad rather than inference_mode: a learned solver takes gradients inside its forward pass
    with torch.no_grad():
        for inputs, targets in zip(
            test.inputs.split(batch_size), test.targets.split(batch_size), strict=True
        ):
            errors.append(checked_relative_l2(predict(inputs, test.grid).to(targets), targets, test.name))
            if test.grid != train_grid:
                restricted = interpolate(inputs, test.grid, train_grid, restriction)
                control = interpolate(predict(restricted, train_grid), train_grid, test.grid)
                controls.append(checked_relative_l2(control.to(targets), targets, f"{test.name} (control)"))
    sizes = set(test.grid.shape)
    return {
        "resolution": test.grid.shape[0] if len(sizes) == 1 else list(test.grid.shape),
        "rel_l2": float(torch.cat(errors).mean()),
        "interpolated_rel_l2": float(torch.cat(controls).mean()) if controls else None,
        "ratio_to_train": None,
        "n_samples": len(test.targets),
        "name": test.name,
    }


def format_resolution(resolution: int | Sequence[int]) -> str:
    """``32`` or ``32x48``."""
    return str(resolution) if isinstance(resolution, int) else "x".join(map(str, resolution))


def format_table(rows: Sequence[Row]) -> str:
    """The rows of `super_resolution` as aligned text, and one line that reads the finest of them."""
    header = ["resolution", "rel_l2", "interpolated", "ratio to train", "samples", "name"]
    body = [
        [
            format_resolution(row["resolution"]),
            _number(row["rel_l2"], ".5f"),
            _number(row["interpolated_rel_l2"], ".5f"),
            _number(row["ratio_to_train"], ".3f"),
            str(row["n_samples"]),
            str(row["name"]),
        ]
        for row in rows
    ]
    widths = [max(len(line[i]) for line in [header, *body]) for i in range(len(header))]

    def aligned(cells: list[str]) -> str:
        numbers = [cell.rjust(width) for cell, width in zip(cells[:-1], widths[:-1], strict=True)]
        return "  ".join([*numbers, cells[-1]])

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([aligned(header), rule, *map(aligned, body), _reading(rows)])


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)


def _reading(rows: Sequence[Row]) -> str:
    trained = [row for row in rows if row["interpolated_rel_l2"] is None]
    own = (
        f"its own {format_resolution(trained[0]['resolution'])}-point prediction"
        if trained
        else "its own prediction on the training grid"
    )
    finer = [row for row in rows if row["interpolated_rel_l2"] is not None]
    if not finer or (trained and rows[-1] is trained[-1]):
        return "no test set is finer than the training grid: this says nothing about super-resolution"
    finest = finer[-1]
    where = f"at {format_resolution(finest['resolution'])} points"
    if finest["rel_l2"] < finest["interpolated_rel_l2"]:
        return f"the model beats interpolation of {own} {where}"
    return f"the model does not beat interpolation of {own} {where}"
