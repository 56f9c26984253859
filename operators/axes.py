"""What models do with the axes of their grid: append coordinates, integrate, vanish on the walls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T", bound=float | str)


def per_axis(value: T | Sequence[T], dims: int, name: str) -> tuple[T, ...]:
    """One value for each axis, from one for all or one for each.

    Raises ValueError, with the option's ``name``, where their number differs from ``dims``.
    """
    if isinstance(value, int | float | str):
        return (value,) * dims
    if len(value) != dims:
        raise ValueError(
            f"{name} has {len(value)} entries but the model has {dims} axes; give one for all axes or one for each"
        )
    return tuple(value)


def append_coordinates(x: Tensor, points: Sequence[Tensor]) -> Tensor:
    """The field with the coordinates of its points as further channels, (batch, channels + dims, *grid)."""
    mesh = torch.stack(torch.meshgrid(*points, indexing="ij"))
    return torch.cat([x, mesh.expand(len(x), *mesh.shape)], 1)


def vanish_on_walls(y: Tensor, points: Sequence[Tensor], axes: Sequence[bool]) -> Tensor:
    """y Π 4 sᵢ(1 - sᵢ) over the chosen axes i, with s the unit coordinates: zero on their walls at every resolution."""
    for axis, (s, zero) in enumerate(zip(points, axes, strict=True)):
        if zero:
            y = y * (4 * s * (1 - s)).view(-1, *[1] * (len(points) - 1 - axis))
    return y


def integration_weights(points: Sequence[Tensor], grid: Sequence[str]) -> Tensor:
    """Weights of all points, in order, that integrate a field over the unit box; they sum to 1, shape (points,).

    Each axis has the rule of its convention: 1/n for half-open points (exact to all orders for smooth periodic fields)
    and for centres (midpoint rule), the trapezoidal rule for vertices.
    """
    weights = points[0].new_ones(1)
    for s, convention in zip(points, grid, strict=True):
        w = torch.ones_like(s)
        if convention == "vertices":
            w[[0, -1]] = 0.5
        weights = torch.outer(weights, w / w.sum()).flatten()
    return weights
