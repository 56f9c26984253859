"""Damped normal equations, in the smaller of two spaces."""

from __future__ import annotations

import torch
from scipy.linalg import get_blas_funcs
from torch import Tensor


class DampedSystem:
    """(JᵀJ + λ I) s = Jᵀ b for any b and λ, from one product of J with itself.

    The unknown is s, or the u of s = Jᵀu with (J Jᵀ + λ I) u = b where J has fewer rows than columns.

    Parameters
    ----------
    jacobian : J, (m, P)
    """

    def __init__(self, jacobian: Tensor) -> None:
        self._jacobian = jacobian
        self._by_rows = jacobian.shape[0] < jacobian.shape[1]
        self._gram = gram(jacobian if self._by_rows else jacobian.T)
        self._factor = self._gram

    @staticmethod
    def bytes(rows: int, columns: int, item: int) -> int:
        """Memory of J, the system and its factor with numbers of ``item`` bytes."""
        return item * (rows * columns + 3 * min(rows, columns) ** 2)

    def factorise(self, damping: float) -> bool:
        """Make ready to solve with λ; False where the matrix is not positive definite to rounding."""
        damped = self._gram.clone()
        damped.diagonal().add_(damping)
        self._factor, info = torch.linalg.cholesky_ex(damped)
        return not int(info)

    def right_side(self, b: Tensor) -> Tensor:
        """What belongs to residuals b (m,) on the right of the equations for the unknown."""
        return b if self._by_rows else self._jacobian.T @ b

    def solve(self, right: Tensor) -> Tensor:
        """The unknown for a right side, with the λ of the last `factorise`."""
        return torch.cholesky_solve(right[:, None], self._factor)[:, 0]

    def step(self, unknown: Tensor) -> Tensor:
        """s (P,) for an unknown."""
        return self._jacobian.T @ unknown if self._by_rows else unknown


def gram(matrix: Tensor) -> Tensor:
    """A Aᵀ of A (k, n), the lower triangle only: half the work of a product where BLAS can do that."""
    if matrix.device.type != "cpu":
        return matrix @ matrix.T
    array = matrix.numpy()
    syrk = get_blas_funcs("syrk", (array,))
    # BLAS counts by columns: it sees the rows of a contiguous A as the columns of Aᵀ, and its upper triangle is our lower
    contiguous = matrix.is_contiguous()
    return torch.from_numpy(syrk(1.0, array.T if contiguous else array, trans=contiguous).T)
