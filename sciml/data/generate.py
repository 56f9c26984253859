"""The parts of data generation that a recipe names: laws of random fields and solvers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from pdes import equations
from pdes.grid import Grid
from pdes.pde import PDE
from pdes.random_fields import gaussian_random_field
from pdes.solvers import solve_darcy, solve_periodic

LAWS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": (("constant",), ()),
    "waves": (("waves",), ()),
    "random": (("alpha", "tau", "boundary", "modes"), ("sigma", "mean_zero", "threshold")),
}
"""Required and optional keys of each kind of field."""


def draw(laws: Mapping[str, Mapping[str, Any]], grid: Grid, seed: int) -> dict[str, Tensor]:
    """One sample of every field by its law, (*grid) each."""
    generator = torch.Generator().manual_seed(seed)
    return {name: _draw(law, grid, generator) for name, law in laws.items()}


def _draw(law: Mapping[str, Any], grid: Grid, generator: Generator) -> Tensor:
    """One field (*grid)."""
    if "constant" in law:
        return torch.full(grid.shape, float(law["constant"]), dtype=torch.float64)
    if "waves" in law:
        return sum_of_waves(law["waves"], grid)
    parameters = dict(law)
    threshold = parameters.pop("threshold", None)
    field = gaussian_random_field(1, grid, generator=generator, **parameters)[0]
    if threshold is None:
        return field
    return torch.full_like(field, threshold["below"]).masked_fill(field >= 0, threshold["above"])


def sum_of_waves(waves: Sequence[Mapping[str, Any]], grid: Grid) -> Tensor:
    """Σ A sin(2π (Σ_i k_i x̂_i + phase)) with x̂ from 0 to 1 over the domain, (*grid).

    Each wave has its ``amplitude`` A, its ``wavenumbers`` k and, if not 0, its ``phase`` in turns.
    """
    mesh = [
        (x - axis.lower) / (axis.upper - axis.lower) for x, axis in zip(grid.mesh(), grid.axes, strict=True)
    ]
    total = torch.zeros(grid.shape, dtype=torch.float64)
    for wave in waves:
        turns = sum(k * x for k, x in zip(wave["wavenumbers"], mesh, strict=True)) + wave.get("phase", 0.0)
        total += wave["amplitude"] * torch.sin(2 * math.pi * turns)
    return total


def at_points(values: Tensor, grid: Grid, size: int) -> Tensor:
    """Fields (..., *grid) at the points of the same grid with ``size`` points an axis, where they are known.

    These are some of the grid's points, or else, for a periodic axis, values of the trigonometric polynomial: exact for
    a field that has no mode from half of the points on.

    Raises ValueError for points on an axis with walls that are not nested.
    """
    for dim, axis in enumerate(grid, start=-len(grid)):
        if axis.periodic and axis.convention == "half-open" and axis.n % size:
            axis = axis.resized(math.lcm(axis.n, size))
            modes = torch.fft.rfft(values, dim=dim, norm="forward")
            values = torch.fft.irfft(modes, n=axis.n, dim=dim, norm="forward")
        values = values.movedim(dim, -1)[..., axis.nested(size)].movedim(-1, dim)
    return values


def _solve_evolution(
    pde: PDE, given: Mapping[str, Tensor], grid: Grid, options: Mapping[str, Any]
) -> dict[str, Tensor]:
    initial = {name: value for name, value in given.items() if name in pde.fields}
    inputs = {name: value for name, value in given.items() if name in pde.inputs}
    return {**inputs, **solve_periodic(pde, initial, grid=grid, inputs=inputs, **options)}


def _solve_elliptic(
    pde: PDE, given: Mapping[str, Tensor], grid: Grid, options: Mapping[str, Any]
) -> dict[str, Tensor]:
    if not isinstance(pde, equations.Darcy) or set(given) != {"a"}:
        raise ValueError(
            f"the solver 'darcy' solves Darcy for the field a, not {type(pde).__name__} for {', '.join(given)}"
        )
    return {"a": given["a"], "u": solve_darcy(given["a"], grid, pde.f, **options)}


@dataclass(frozen=True)
class Solver:
    """``solve(pde, given fields, grid, options)`` returns all fields; ``keys``: required and optional options.

    The fields of an equation that a solver makes ``band_limited`` are trigonometric polynomials: known everywhere.
    """

    solve: Callable[[PDE, Mapping[str, Tensor], Grid, Mapping[str, Any]], dict[str, Tensor]]
    keys: tuple[tuple[str, ...], tuple[str, ...]]
    band_limited: bool = False


SOLVERS = {
    "periodic": Solver(
        _solve_evolution, (("times",), ("dt", "rtol", "start", "intervals")), band_limited=True
    ),
    "darcy": Solver(_solve_elliptic, ((), ())),
}
