"""Chebyshev series in boxes: smooth functions of points, and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pdes.derivatives.multi_index import MultiIndex


def _polynomials(z: Tensor, degree: int) -> Tensor:
    """T_0 ... T_degree at positions z (n,) of [-1, 1], (n, degree + 1), by their recurrence."""
    values = [torch.ones_like(z), z]
    for _ in range(degree - 1):
        values.append(2 * z * values[-1] - values[-2])
    return torch.stack(values[: degree + 1], 1)


def _differentiation(degree: int, order: int) -> Tensor:
    """The matrix D with (T_0, T_1, ...)^(order) = (T_0, T_1, ...) D."""
    lowered = np.polynomial.chebyshev.chebder(np.eye(degree + 1), order)
    matrix = np.zeros((degree + 1, degree + 1))
    matrix[: len(lowered)] = lowered
    return torch.from_numpy(matrix)


@dataclass(frozen=True)
class ChebyshevSeries:
    """u(x, y, ...) = Σ c_jk... T_j(x̂) T_k(ŷ) ..., with the box scaled to [-1, 1] in each coordinate.

    Attributes
    ----------
    lower, upper : corners of the box
    coefficients : (fields, degree + 1, ..., degree + 1), float64

    Source: J. P. Boyd, Chebyshev and Fourier Spectral Methods (2001), section 2.4.
    """

    lower: Sequence[float]
    upper: Sequence[float]
    coefficients: Tensor

    @property
    def degree(self) -> int:
        return self.coefficients.shape[1] - 1

    def _along(self, points: Tensor, axis: int) -> Tensor:
        low, high = self.lower[axis], self.upper[axis]
        return _polynomials((2 * points[:, axis] - (low + high)) / (high - low), self.degree)

    def __call__(self, points: Tensor) -> Tensor:
        """Values (n, fields) at ``points`` (n, d), differentiable by them."""
        points = points.to(torch.float64)
        values = torch.einsum("na,fa...->nf...", self._along(points, 0), self.coefficients.to(points.device))
        for axis in range(1, points.shape[1]):
            values = torch.einsum("na,nfa...->nf...", self._along(points, axis), values)
        return values

    def basis(self, points: Tensor, index: MultiIndex = ()) -> Tensor:
        """The derivative ``index`` of each product of polynomials at ``points`` (n, d), (n, (degree + 1)^d)."""
        products = points.new_ones(len(points), 1)
        for axis, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
            order = index.count(axis)
            values = self._along(points, axis) @ _differentiation(self.degree, order)
            values = values * (2 / (high - low)) ** order
            products = (products[:, :, None] * values[:, None, :]).flatten(1)
        return products
