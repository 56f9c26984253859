"""Derivatives by time of fields on a grid that are functions of one scalar clock."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pdes.derivatives import GridDerivatives, parse_axes
from pdes.grid import Grid
from pdes.pde import PDE


class SpaceTimeDerivatives:
    """``d`` with spectral space derivatives; ``by_time`` differentiates by t."""

    def __init__(self, pde: PDE, grid: Grid, by_time: Callable[[Tensor], Tensor]) -> None:
        self._coords = pde.coords
        self._space = GridDerivatives(grid, method="spectral", coords=pde.coords)
        self._by_time = by_time

    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor:
        names = parse_axes(axes, self._coords)
        for _ in range(names.count("t")):
            expression = self._by_time(expression)
        in_space = tuple(name for name in names if name != "t")
        return self._space(expression, in_space) if in_space else expression


def by_clock(clock: Tensor) -> Callable[[Tensor], Tensor]:
    """The derivative of any expression by the scalar ``clock``, and again the derivative of that.

    Two backward passes make a forward one: the first is linear in its cotangent, the second differentiates
    by that cotangent.
    """

    def derivative(expression: Tensor) -> Tensor:
        if not expression.requires_grad:
            return torch.zeros_like(expression)
        cotangent = torch.zeros_like(expression, requires_grad=True)
        (pulled,) = torch.autograd.grad(expression, clock, cotangent, create_graph=True, allow_unused=True)
        if pulled is None or not pulled.requires_grad:
            return torch.zeros_like(expression)
        (pushed,) = torch.autograd.grad(pulled, cotangent, create_graph=True, allow_unused=True)
        return torch.zeros_like(expression) if pushed is None else pushed

    return derivative
