"""Finite differences on a uniform axis, of stated order up to and including the walls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

ACCURACIES = (2, 4)


@lru_cache(maxsize=256)
def difference_weights(offsets: tuple[int, ...], order: int) -> tuple[float, ...]:
    """Weights w with sum_j w_j f(x + offset_j h) = h^order f^(order)(x), exact for polynomials.

    They solve the moment equations sum_j w_j offset_j^p = p! [p = order], p < number of offsets.
    """
    moments = np.vander(np.array(offsets, dtype=np.float64), increasing=True).T
    rhs = np.zeros(len(offsets))
    rhs[order] = float(np.prod(np.arange(1, order + 1)))
    return tuple(np.linalg.solve(moments, rhs).tolist())


def _combine(
    field: Tensor, dim: int, start: int, length: int, offsets: Sequence[int], weights: Sequence[float]
) -> Tensor:
    total = weights[0] * field.narrow(dim, start + offsets[0], length)
    for offset, weight in zip(offsets[1:], weights[1:], strict=True):
        total = total + weight * field.narrow(dim, start + offset, length)
    return total


def stencil_derivative(
    field: Tensor, dim: int, order: int, spacing: float, *, accuracy: int = 2, periodic: bool = False
) -> Tensor:
    """d^order f / dx^order along ``dim``, with an error O(h^accuracy) at every point.

    Central differences inside; on a periodic axis they wrap, at a wall the stencil is one-sided and one
    point wider, so that the order holds there too.

    Raises ValueError for an accuracy other than 2 or 4 and for an axis shorter than the stencil.
    """
    if accuracy not in ACCURACIES:
        raise ValueError(f"stencils have accuracy {' or '.join(map(str, ACCURACIES))}, not {accuracy}")
    half = (order + 1) // 2 + accuracy // 2 - 1
    n = field.shape[dim]
    wall_points = order + accuracy
    if n < max(2 * half + 1, wall_points):
        raise ValueError(
            f"a derivative of order {order} with accuracy {accuracy} needs {max(2 * half + 1, wall_points)} points, the axis has {n}"
        )
    offsets = tuple(range(-half, half + 1))
    weights = difference_weights(offsets, order)
    if periodic:
        padded = torch.cat([field.narrow(dim, n - half, half), field, field.narrow(dim, 0, half)], dim)
        return _combine(padded, dim, half, n, offsets, weights) / spacing**order

    def at(point: int, first: int) -> Tensor:
        """The derivative at one ``point`` from the ``wall_points`` points that begin at ``first``."""
        reach = tuple(range(first - point, first - point + wall_points))
        return _combine(field, dim, point, 1, reach, difference_weights(reach, order))

    left = [at(i, 0) for i in range(half)]
    right = [at(i, n - wall_points) for i in range(n - half, n)]
    inside = _combine(field, dim, half, n - 2 * half, offsets, weights)
    return torch.cat([*left, inside, *right], dim) / spacing**order
