"""What a model saves: its time beside that of the reference solver at the same accuracy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pdes.grid import Grid
from sciml.evaluate.interpolate import interpolate
from sciml.evaluate.metrics import relative_l2
from sciml.evaluate.physics import Physics
from sciml.evaluate.superresolution import Predictor, TestSet, resolution_of

SAMPLES = 8
"""Samples that are solved at once, and predicted at once."""
_REPEATS, _ENOUGH_S = 5, 0.5
_COARSEST = 4
_BUDGET_S = 60.0
_MOST_STEPS = 2**12
_AGREE = 0.1
"""Errors with a time step and half of it that differ by less than this share are those of the grid."""
_ATTEMPT = ("resolution", "dt", "rel_l2", "seconds")


def equal_accuracy(predict: Predictor, physics: Physics, test: TestSet) -> dict[str, Any]:
    """Time the model, and the solver of the data on ever finer grids until its error is the model's.

    The solver has the model's inputs, cut to the modes of its own grid on periodic axes and subsampled on others; its solution
    is interpolated to the test grid, where both errors are taken. On each grid the time step is halved until the error is
    the model's, or the grid's. Both work on the same samples, in one batch; the time counts all that a call does.

    Returns
    -------
    ``rel_l2`` and ``model_s`` of the model (seconds a sample); ``attempts`` of the solver, each with ``resolution``, ``dt``
    (None for a steady equation), ``rel_l2`` and ``seconds`` a sample; of the last, which is at least as accurate as the model,
    ``solver_resolution``, ``solver_dt``, ``solver_rel_l2``, ``solver_s`` and ``speedup`` = solver_s / model_s. Where no
    grid up to the test grid gets there, or none within a minute, these are None and ``solver_why`` says so.
    """
    inputs, targets = test.inputs[:SAMPLES], test.targets[:SAMPLES].double()
    model = partial(predict, inputs, test.grid)
    _timed(model, inputs, repeats=1)  # what is compiled or cached is so once
    predicted, model_s = _timed(model, inputs)
    target = _error(predicted, targets)
    attempts: list[dict[str, Any]] = []
    deadline = time.perf_counter() + _BUDGET_S
    for grid in _grids(test.grid):
        attempts += _on(grid, physics, test.grid, inputs.double(), targets, target, deadline)
        if (attempts and attempts[-1]["rel_l2"] <= target) or time.perf_counter() > deadline:
            break
    best = min(attempts, key=lambda attempt: attempt["rel_l2"], default=None)
    reached = best is not None and best["rel_l2"] <= target
    last = best if reached and best else dict.fromkeys(_ATTEMPT)
    why = "the solver is not finite with any time step"
    if best is not None:
        why = f"the smallest error of the solver is {best['rel_l2']:.2e}, on {best['resolution']} points"
    if time.perf_counter() > deadline:
        why += f"; the search ended after {_BUDGET_S:g} s"
    return {
        "name": test.name,
        "resolution": resolution_of(test.grid),
        "refinement": test.refinement,
        "n_samples": len(inputs),
        "threads": torch.get_num_threads(),
        "rel_l2": target,
        "model_s": model_s,
        **{f"solver_{key}": last[key] for key in ("resolution", "dt", "rel_l2")},
        "solver_s": last["seconds"],
        "speedup": last["seconds"] / model_s if last["seconds"] else None,
        "solver_why": None if reached else why,
        "attempts": attempts,
    }


def _grids(test_grid: Grid) -> Iterator[Grid]:
    """Ever finer grids up to that of the test; on axes with walls only nested ones, as coefficients can be sampled there alone."""
    n = test_grid.shape[0]
    if len(set(test_grid.shape)) > 1:
        yield test_grid
        return
    for size in range(_COARSEST, n):
        try:
            for axis in test_grid:
                if not axis.periodic:
                    axis.nested(size)
        except ValueError:
            continue
        # of periodic grids, whose sizes are free, those that are good for an FFT: powers of two and halfway between
        free = all(axis.periodic for axis in test_grid)
        odd = size
        while odd % 2 == 0:
            odd //= 2
        if not free or odd in (1, 3):
            yield test_grid.resized(size)
    yield test_grid


def _on(
    grid: Grid,
    physics: Physics,
    test_grid: Grid,
    inputs: Tensor,
    targets: Tensor,
    target: float,
    deadline: float,
) -> list[dict[str, Any]]:
    """The solver on one grid, with ever smaller time steps."""
    coarse = interpolate(inputs, test_grid, grid, "trigonometric")
    span = physics.times()[-1] - physics.start() if physics.evolves else None
    attempts: list[dict[str, Any]] = []
    steps = len(physics.times())
    while steps <= _MOST_STEPS:
        dt = None if span is None else span / steps
        steps *= 2
        solve = partial(physics.solve, coarse, grid, dt)
        try:
            solved, seconds = _timed(solve, inputs, repeats=3)
        except FloatingPointError:  # the step is too long
            continue
        error = _error(interpolate(solved, grid, test_grid, "trigonometric"), targets)
        if error <= target:  # the one that counts
            _, seconds = _timed(solve, inputs)
        attempts.append(dict(zip(_ATTEMPT, (resolution_of(grid), dt, error, seconds), strict=True)))
        before = attempts[-2]["rel_l2"] if len(attempts) > 1 else None
        limited_by_grid = before is not None and abs(error - before) < _AGREE * before
        if dt is None or error <= target or limited_by_grid or time.perf_counter() > deadline:
            break
    return attempts


def _timed(call: Callable[[], Tensor], samples: Tensor, repeats: int = _REPEATS) -> tuple[Tensor, float]:
    """What a call returns, and the median seconds a sample that it takes."""
    taken: list[float] = []
    with torch.no_grad():
        while len(taken) < repeats and sum(taken) < _ENOUGH_S:
            if samples.is_cuda:
                torch.cuda.synchronize()
            start = time.perf_counter()
            result = call()
            if samples.is_cuda:
                torch.cuda.synchronize()
            taken.append(time.perf_counter() - start)
    return result, sorted(taken)[len(taken) // 2] / len(samples)


def _error(fields: Tensor, targets: Tensor) -> float:
    return float(relative_l2(fields.to(targets), targets).mean())
