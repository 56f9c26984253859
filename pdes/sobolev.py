"""Sobolev norms of fields on a grid, by their spectrum."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.grid import Axis, Grid


class SobolevTransform:
    """The map r ↦ (1 + |k|²)^(s/2) r̂ of fields on a grid, whose mean square is the squared Hˢ norm of r over the volume.

    r̂ are orthonormal coefficients, so that the mean square of r̂ is that of r: of the real Fourier transform along
    periodic axes, and along the others of the cosine transform (DCT-II), which does not mistake the jump between two
    walls for small scales. Wavenumbers k are in radians per unit of the coordinates, 2πm/L and πm/L. With s < 0 fine
    scales count less: for a residual of order m, s = -m asks for the error of the solution rather than for that of
    its derivatives, and makes the problem about as well conditioned as plain regression.

    The map is linear, so that it serves least squares as well: it transforms the rows of a Jacobian as it does residuals.

    Parameters
    ----------
    grid : where fields are given; points of walled axes are taken for centres of cells
    order : s, of either sign; 0 leaves the norm as it is

    Source: with s < 0 as a loss, the preconditioning of T. De Ryck et al., arXiv:2310.05801.
    """

    def __init__(self, grid: Grid, order: float) -> None:
        self.grid, self.order = grid, order
        squared = torch.zeros(grid.shape, dtype=torch.float64)
        self._bases = []
        for dim, axis in enumerate(grid):
            basis, wavenumber = _basis(axis)
            self._bases.append(basis)
            squared += wavenumber.square().view([-1 if d == dim else 1 for d in range(len(grid))])
        self._factor = (1 + squared) ** (order / 2)

    def __call__(self, values: Tensor) -> Tensor:
        """(..., *grid) to the weighted coefficients, of the same shape, dtype and device.

        Raises ValueError for values that do not lie on the grid.
        """
        dims = len(self.grid)
        if values.shape[-dims:] != self.grid.shape:
            raise ValueError(
                f"expected values of shape (..., {', '.join(map(str, self.grid.shape))}), got {tuple(values.shape)}"
            )
        # axes of collocation grids are short: a product with a matrix is exact, real and fast enough
        for basis in self._bases:
            # the first axis of the grid goes to the end, so that after all of them the order is as before
            values = values.movedim(-dims, -1) @ basis.T.to(values)
        return values * self._factor.to(values)


def _basis(axis: Axis) -> tuple[Tensor, Tensor]:
    """Orthonormal rows of the real Fourier or the cosine transform, (n, n), and the wavenumber of each (n,)."""
    index = torch.arange(axis.n, dtype=torch.float64)
    if axis.periodic:
        # 1, cos 1, sin 1, cos 2, ...; a cosine is a sine a quarter ahead
        waves = (index + 1) // 2
        phase = 2 * waves[:, None] * index / axis.n + 0.5 * ((index % 2) + (index == 0))[:, None]
        basis = torch.sin(math.pi * phase)
        wavenumber = 2 * math.pi / axis.length * waves
    else:
        basis = torch.cos(math.pi / axis.n * index[:, None] * (index + 0.5))
        wavenumber = math.pi / (axis.n * axis.spacing) * index
    return basis / basis.norm(dim=1, keepdim=True), wavenumber
