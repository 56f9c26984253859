"""Matrices that take the values at the points of one axis to those at others, and their use on fields."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from operators.mixed_precision import full_precision


def linear_interpolation(points: Tensor, targets: Tensor) -> Tensor:
    """Matrix (m, n) that takes values at n increasing ``points`` to values at m ``targets``, piecewise linearly.

    Outside of the points the outermost pieces go on, so that linear functions are exact everywhere.
    """
    left = (torch.searchsorted(points, targets, right=True) - 1).clamp(0, len(points) - 2)
    share = (targets - points[left]) / (points[left + 1] - points[left])
    matrix = points.new_zeros(len(targets), len(points))
    rows = torch.arange(len(targets), device=points.device)
    matrix[rows, left] = 1 - share
    matrix[rows, left + 1] = share
    return matrix


def hat_averages(points: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Matrix (m, n) that takes a function's values at n points to its means around m coarser targets.

    ∫ φⱼ u / ∫ φⱼ, φⱼ the hat function of target j, by the rule of integration with the given ``weights`` (n,): nothing
    between the targets is lost, as it is when u is sampled at them. No two targets may enclose fewer than one point.
    """
    matrix = (linear_interpolation(targets, points) * weights[:, None]).T
    return matrix / matrix.sum(1, keepdim=True)


@full_precision
def along_axes(x: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """The field (batch, *grid, channels) with matrix i, real or complex, applied along grid axis i."""
    for dim, matrix in enumerate(matrices, start=1):
        x = along_axis(x, matrix, dim)
    return x


@full_precision
def along_axis(x: Tensor, matrix: Tensor, dim: int) -> Tensor:
    """A tensor with a matrix, real or complex, applied along one of its dimensions, other than the last."""
    dtype = torch.promote_types(x.dtype, matrix.dtype)
    columns = x.to(dtype).reshape(math.prod(x.shape[:dim]), x.shape[dim], -1)
    return (matrix.to(dtype) @ columns).view(*x.shape[:dim], len(matrix), *x.shape[dim + 1 :])
