"""Derivatives of fields on a uniform grid, each axis by the method that suits it."""

from __future__ import annotations

from itertools import groupby
from typing import Literal

from torch import Tensor

from pdes.derivatives.axes import parse_axes
from pdes.derivatives.spectral import spectral_derivative
from pdes.derivatives.stencil import stencil_derivative
from pdes.grid import Grid

Method = Literal["auto", "spectral", "stencil"]
METHODS: tuple[Method, ...] = ("auto", "spectral", "stencil")


class GridDerivatives:
    """``d`` for expressions of shape (..., *grid).

    Parameters
    ----------
    grid : the axes; their names are the coordinates
    method : "spectral" (periodic axes only), "stencil", or "auto": spectral on periodic axes, stencil on others
    accuracy : order of the stencils, 2 or 4
    coords : all coordinates of the equation, for the error message where the data lack one (time, as a rule)

    Raises ValueError for a spectral derivative on an axis that is not periodic, and for one by a
    coordinate that the grid does not have.
    """

    def __init__(
        self, grid: Grid, *, method: Method = "auto", accuracy: int = 2, coords: tuple[str, ...] = ()
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"unknown derivative method {method!r}; choose one of {', '.join(METHODS)}")
        self._grid, self._method, self._accuracy = grid, method, accuracy
        self._coords = coords or grid.names

    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor:
        if expression.shape[-len(self._grid) :] != self._grid.shape:
            raise ValueError(
                f"expected an expression of shape (..., {', '.join(map(str, self._grid.shape))}), got {tuple(expression.shape)}"
            )
        for name, group in groupby(parse_axes(axes, self._coords)):
            expression = self._along(expression, name, len(list(group)))
        return expression

    def _along(self, expression: Tensor, name: str, order: int) -> Tensor:
        if name not in self._grid.names:
            raise ValueError(
                f"the residual needs a derivative by {name!r}, but the fields are given on {', '.join(self._grid.names)} only; "
                f"give fields on a grid with the axis {name!r}"
            )
        axis = self._grid[name]
        dim = self._grid.names.index(name) - len(self._grid)
        if self._method == "stencil" or (self._method == "auto" and not axis.periodic):
            return stencil_derivative(
                expression, dim, order, axis.spacing, accuracy=self._accuracy, periodic=axis.periodic
            )
        if not axis.periodic:
            raise ValueError(
                f"a spectral derivative needs a periodic axis and {name!r} is not one; use method='stencil' or 'auto'"
            )
        return spectral_derivative(expression, dim, order, axis.length)
