"""Darcy flow by finite volumes: exact fluxes where the permeability jumps between two points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.sparse as sp
import scipy.sparse.linalg
import torch
from torch import Tensor

from pdes.grid import Grid

_MODERATE_CONTRAST = 100.0
"""Largest ratio of permeabilities for which iterations beat a factorisation: they go like its square root."""
_RTOL = 1e-10
"""Residual of the iterations; a solution is then some orders better than in float32."""


def _unknowns(grid: Grid) -> tuple[slice, ...]:
    """All points for cell centres; for vertices those inside, as u is given on the walls."""
    return (slice(1, -1) if grid.axes[0].convention == "vertices" else slice(None),) * len(grid)


def _conductances(a: np.ndarray, grid: Grid) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """The finite-volume couplings of the unknowns of one sample.

    Returns the diagonal and, for each axis, the flat indices of the lower neighbours and the coupling to the
    upper ones.
    """
    inside = _unknowns(grid)
    shape = a[inside].shape
    index = np.arange(np.prod(shape)).reshape(shape)
    diagonal = np.zeros(shape)
    couplings = []
    for dim, axis in enumerate(grid):
        across = tuple(slice(None) if d == dim else s for d, s in enumerate(inside))
        line = np.moveaxis(a[across], dim, 0)
        face = 2 * line[1:] * line[:-1] / (line[1:] + line[:-1]) / axis.spacing**2
        if axis.convention == "centres":
            # the wall is half a cell away from the first and the last centre
            face = np.concatenate([2 * line[:1] / axis.spacing**2, face, 2 * line[-1:] / axis.spacing**2])
        # the faces 0 and -1 lead to the wall, the others join two unknowns
        diagonal += np.moveaxis(face[:-1] + face[1:], 0, dim)
        lower = np.moveaxis(index, dim, 0)[:-1]
        couplings.append((lower.ravel(), face[1:-1].ravel()))
    return diagonal.ravel(), couplings


def _matrix(a: np.ndarray, grid: Grid) -> sp.csr_matrix:
    """-∇·(a ∇) on the unknowns in order, symmetric and positive definite."""
    shape = a[_unknowns(grid)].shape
    strides = [int(np.prod(shape[dim + 1 :])) for dim in range(len(shape))]
    diagonal, couplings = _conductances(a, grid)
    every = np.arange(diagonal.size)
    rows, columns, values = [every], [every], [diagonal]
    for stride, (lower, coupling) in zip(strides, couplings, strict=True):
        rows += [lower, lower + stride]
        columns += [lower + stride, lower]
        values += [-coupling, -coupling]
    return sp.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(diagonal.size,) * 2
    )


def _inverse_laplacian(grid: Grid, shape: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """The inverse of `_matrix` for the permeability 1, by sine transforms."""
    # the unknowns lie whole steps from the walls (vertices, type 1) or half a step (centres, type 2)
    kind = 1 if grid.axes[0].convention == "vertices" else 2
    eigenvalues = np.zeros(())
    for n, axis in zip(shape, grid, strict=True):
        along = (2 / axis.spacing * np.sin(np.pi / 2 * np.arange(1, n + 1) * axis.spacing / axis.length)) ** 2
        eigenvalues = eigenvalues[..., None] + along

    def solve(f: np.ndarray) -> np.ndarray:
        modes = scipy.fft.dstn(f.reshape(shape), type=kind) / eigenvalues
        return scipy.fft.idstn(modes, type=kind, overwrite_x=True).ravel()

    return solve


def _solve_one(a: np.ndarray, f: np.ndarray, grid: Grid) -> np.ndarray:
    inside = _unknowns(grid)
    source = f[inside]
    matrix = _matrix(a, grid)
    u = np.zeros(f.shape)
    if a.max() <= _MODERATE_CONTRAST * a.min():
        # the Laplacian bounds the condition number by the contrast, whatever the grid and the pattern
        inverse = scipy.sparse.linalg.LinearOperator(
            matrix.shape, _inverse_laplacian(grid, source.shape), dtype=matrix.dtype
        )
        found, _ = scipy.sparse.linalg.cg(matrix, source.ravel(), rtol=_RTOL, M=inverse)
    else:
        # symmetric and diagonally dominant: no pivoting, and an ordering of A + A^T fills in the least
        factors = scipy.sparse.linalg.splu(
            matrix.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        found = factors.solve(source.ravel())
    u[inside] = found.reshape(source.shape)
    return u


def solve_darcy(a: Tensor, grid: Grid, f: float | Tensor = 1.0) -> Tensor:
    """The solution of -∇·(a ∇u) = f with u = 0 on the walls of a box.

    Second-order finite volumes with the harmonic mean of two neighbouring permeabilities on the face between
    them: the flux is exact where ``a`` jumps at a face. Solved in float64 by conjugate gradients with the inverse
    Laplacian as preconditioner, or for contrasts of ``a`` above 100 by a sparse factorisation.

    Parameters
    ----------
    a : permeability (batch, *grid), positive
    grid : vertices (walls included, where u = 0) or cell centres, the same on every axis, none periodic
    f : source, a number or a tensor broadcastable to ``a``

    Returns u (batch, *grid), float64.

    Raises ValueError for a grid that does not fit, shapes that differ and a permeability that is not
    positive and finite.

    Source: R. Eymard, T. Gallouët, R. Herbin, Finite Volume Methods (2000), chapters 2 and 3; P. Concus,
    G. H. Golub, SIAM J. Numer. Anal. 10 (1973) 1103 (fast Poisson solvers as preconditioners).
    """
    conventions = {axis.convention for axis in grid}
    if len(conventions) != 1 or "half-open" in conventions or any(axis.periodic for axis in grid):
        found = ", ".join(
            f"{axis.name}: {axis.convention}{' periodic' if axis.periodic else ''}" for axis in grid
        )
        raise ValueError(
            f"solve_darcy needs walls on a grid of vertices or of centres throughout, not ({found})"
        )
    if any(axis.n < 3 for axis in grid):
        raise ValueError(f"solve_darcy needs at least 3 points an axis, not {grid.shape}")
    if a.dim() != len(grid) + 1 or a.shape[1:] != grid.shape:
        raise ValueError(
            f"permeability has shape {tuple(a.shape)}; expected (batch, {', '.join(map(str, grid.shape))})"
        )
    coefficient = a.detach().to("cpu", torch.float64).numpy()
    if not (np.isfinite(coefficient).all() and (coefficient > 0).all()):
        raise ValueError(
            f"permeability must be positive and finite; it ranges from {coefficient.min()} to {coefficient.max()}"
        )
    source = np.asarray(torch.as_tensor(f).detach().to("cpu", torch.float64))
    try:
        source = np.broadcast_to(source, coefficient.shape)
    except ValueError:
        raise ValueError(
            f"source f has shape {source.shape}; it must broadcast to {coefficient.shape}"
        ) from None
    solution = np.stack([_solve_one(*sample, grid) for sample in zip(coefficient, source, strict=True)])
    return torch.from_numpy(solution).to(a.device)
