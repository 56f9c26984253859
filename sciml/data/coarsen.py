"""Fields on coarser grids of the same domain, and what that does to their fine scales."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from pdes.grid import Axis, Grid

Coarsening = Literal["subsample", "spectral"]


def coarsened_grid(grid: Grid, factor: int) -> Grid:
    """The grid of the same domain with ``factor`` times the spacing, all points of which are points of ``grid``.

    Raises ValueError where there is no such grid: vertices keep both ends, and an even number of cells has no centre point.
    """
    sizes = []
    for axis in grid:
        ends = 1 if axis.convention == "vertices" else 0
        cells, rest = divmod(axis.n - ends, factor)
        if factor < 2 or rest or cells + ends < 2 or (axis.convention == "centres" and factor % 2 == 0):
            raise ValueError(
                f"axis {axis.name!r}: its {axis.n} {axis.convention} points cannot be coarsened by the factor {factor}; "
                f"a factor above 1 that divides {axis.n - ends} is needed"
                + (", an odd one for centres" if axis.convention == "centres" else "")
            )
        sizes.append(cells + ends)
    return grid.resized(*sizes)


def coarsen(fields: Tensor, grid: Grid, factor: int, method: Coarsening = "subsample") -> Tensor:
    """Fields (N, C, *grid) on the grid of `coarsened_grid`.

    "subsample" keeps the values at the points that remain: each field is the same function, but waves beyond the
    coarse grid's Nyquist wavenumber look like longer ones (aliasing). "spectral" takes these waves away first, with the one at
    Nyquist, whose phase the coarse grid does not show: nothing is aliased, but the field is another, smoother function. That is
    defined on periodic axes.

    Raises ValueError for an unknown method, for a factor that does not fit, and for "spectral" where an axis is not periodic.
    """
    if method not in get_args(Coarsening):
        raise ValueError(f"unknown coarsening {method!r}; choose one of {', '.join(get_args(Coarsening))}")
    coarse = coarsened_grid(grid, factor)
    if method == "subsample":
        points: tuple[Any, ...] = (..., *(axis.nested(n) for axis, n in zip(grid, coarse.shape, strict=True)))
        return fields[points]
    for dim, (axis, target) in enumerate(zip(grid, coarse, strict=True), start=2):
        if not axis.periodic:
            raise ValueError(
                f"spectral coarsening needs periodic axes, and {axis.name!r} is not; take 'subsample', which keeps the values"
            )
        fields = trigonometric(fields, dim, axis, target)
    return fields


def trigonometric(fields: Tensor, dim: int, axis: Axis, target: Axis) -> Tensor:
    """Trigonometric interpolation along one periodic axis, from its points to those of ``target``, of the waves that both hold.

    Exact for waves below the Nyquist wavenumber of both. The one at Nyquist is taken for a cosine on a finer axis, and left out
    on a coarser one, which does not show its phase.
    """
    kept = min(axis.n // 2, (target.n - 1) // 2) + 1
    spectrum = torch.fft.rfft(fields, dim=dim, norm="forward").narrow(dim, 0, kept)
    if kept == axis.n / 2 + 1:
        # with the wave of opposite sign, which has a place of its own on the finer axis
        last = spectrum.narrow(dim, kept - 1, 1)
        spectrum = torch.cat([spectrum.narrow(dim, 0, kept - 1), 0.5 * last], dim)
    # the first points differ by a fraction of a cell where they are centres
    shift = float(target.points()[0] - axis.points()[0]) / axis.length
    if shift:
        angle = 2 * math.pi * shift * torch.arange(kept, device=fields.device, dtype=fields.dtype)
        turn = torch.polar(torch.ones_like(angle), angle)
        spectrum = spectrum * turn.view(-1, *[1] * (fields.dim() - dim - 1))
    return torch.fft.irfft(spectrum, n=target.n, dim=dim, norm="forward")
