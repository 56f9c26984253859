"""Gaussian random fields on a grid, by their Karhunen-Loeve expansion."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Generator, Tensor

from pdes.grid import Axis, Grid

Boundary = Literal["periodic", "neumann"]


def _eigenfunctions(
    axis: Axis, boundary: Boundary, highest: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Eigenfunctions of -d²/dx², orthonormal in L2 of the axis, at its points: (n, modes); and their k² (modes,)."""
    count = 2 * highest + 1 if boundary == "periodic" else highest + 1
    index = torch.arange(count, dtype=torch.float64, device=device)
    # periodic: 1, cos 1, sin 1, cos 2, ...; Neumann: cos 0, cos 1, cos 2, ...
    cycles = (index + 1) // 2 * 2 if boundary == "periodic" else index
    k = math.pi / axis.length * cycles
    phase = (axis.points(device=device) - axis.lower)[:, None] * k
    values = torch.cos(phase)
    if boundary == "periodic":
        values[:, 2::2] = torch.sin(phase[:, 2::2])
    values *= math.sqrt(2 / axis.length)
    values[:, 0] = math.sqrt(1 / axis.length)
    return values, k**2


def _highest_resolved(axis: Axis, boundary: Boundary) -> int:
    """The highest mode that the axis resolves: below its Nyquist frequency."""
    intervals = axis.n - 1 if axis.convention == "vertices" else axis.n
    return (intervals - 1) // 2 if boundary == "periodic" else intervals - 1


def _coefficients(n_samples: int, sizes: tuple[int, ...], generator: Generator) -> Tensor:
    """Independent N(0, 1) numbers (n_samples, *sizes), where larger sizes only add to smaller ones.

    They are drawn shell by shell, the shell s being the indices whose largest entry is s.
    """
    dim, edge = len(sizes), max(sizes)
    device = generator.device
    drawn = torch.empty(n_samples, *(edge,) * dim, dtype=torch.float64, device=device)
    for s in range(edge):
        for axis in range(dim):
            face = (s,) * axis + (s + 1,) * (dim - 1 - axis)
            where = [slice(m) for m in face]
            where.insert(axis, slice(s, s + 1))
            block = torch.randn(n_samples, *face, generator=generator, dtype=torch.float64, device=device)
            drawn[(slice(None), *where)] = block.unsqueeze(1 + axis)
    return drawn[(slice(None), *(slice(m) for m in sizes))]


def gaussian_random_field(
    n_samples: int,
    grid: Grid,
    *,
    alpha: float,
    tau: float,
    generator: Generator,
    sigma: float = 1.0,
    boundary: Boundary = "periodic",
    mean_zero: bool = False,
    modes: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Samples of the Gaussian measure N(0, σ² (-Δ + τ² I)^-α) on a box, at the points of ``grid``.

    g(x) = Σ_k σ (|k|² + τ²)^(-α/2) ξ_k φ_k(x) with independent ξ_k ~ N(0, 1) and the eigenfunctions φ_k of
    the Laplacian, products over the axes of 1/√L, √(2/L) cos(kx) and, for a periodic box, √(2/L) sin(kx):
    orthonormal in L2. The wavenumbers are physical: k = 2πm/L (periodic) or πm/L (Neumann: the normal
    derivative is zero on the walls), m ≤ ``modes``.

    A seed names one function: two grids on the same domain get the values of the same function, up to the
    modes that only the finer one resolves; with ``modes`` given, of exactly the same function.

    Parameters
    ----------
    alpha, tau, sigma : exponent, inverse length scale and amplitude; samples have finite variance
        in the limit of infinitely many modes where 2 alpha > number of axes
    generator : source of all randomness, on the device wanted for the result
    boundary : "periodic" or "neumann"
    mean_zero : drop the constant mode, so that every sample has mean zero
    modes : highest mode m of each axis; by default the highest below the grid's Nyquist frequency
    dtype : of the result; the sum itself is done in float64

    Returns
    -------
    (n_samples, *grid.shape). Time and memory go like (points x modes) of an axis.

    Notes
    -----
    The Fourier neural operator's data sets use this normalisation and drop the constant mode: Burgers
    u0 ~ N(0, 625 (-Δ + 25 I)^-2) on the periodic [0, 1] is ``alpha=2, tau=5, sigma=25, mean_zero=True``, and
    Darcy's g ~ N(0, (-Δ + 9 I)^-2) is ``alpha=2, tau=3, boundary="neumann", mean_zero=True``. As a covariance
    operator the expression alone has a constant mode, and ``mean_zero=False`` keeps it.

    Raises ValueError for parameters out of range and for a Neumann field on a periodic axis.

    Source: Z. Li et al., arXiv:2010.08895, appendix A.3; G. J. Lord, C. E. Powell, T. Shardlow, An Introduction
    to Computational Stochastic PDEs (2014), section 7.4.
    """
    if boundary not in ("periodic", "neumann"):
        raise ValueError(f"unknown boundary {boundary!r} of a random field; choose 'periodic' or 'neumann'")
    if n_samples < 1:
        raise ValueError(f"n_samples={n_samples}: ask for at least one random field")
    if modes is not None and modes < 0:
        raise ValueError(f"modes={modes}: the highest mode of a random field cannot be negative")
    if tau < 0 or (tau == 0 and not mean_zero):
        raise ValueError(
            f"tau={tau}: must be positive (or zero with mean_zero=True, which drops the infinite constant mode)"
        )
    for axis in grid:
        if boundary == "neumann" and axis.periodic:
            raise ValueError(
                f"axis {axis.name!r} is periodic; a random field with Neumann walls needs periodic=False"
            )

    device = generator.device
    bases = [
        _eigenfunctions(axis, boundary, _highest_resolved(axis, boundary) if modes is None else modes, device)
        for axis in grid
    ]
    k_squared = sum(torch.meshgrid(*(k2 for _, k2 in bases), indexing="ij"))
    assert isinstance(k_squared, Tensor)  # a grid has at least one axis
    deviation = sigma * (k_squared + tau**2) ** (-alpha / 2)
    if mean_zero:
        deviation[(0,) * len(grid)] = 0.0
    field = _coefficients(n_samples, tuple(k_squared.shape), generator) * deviation
    for values, _ in bases:
        # contracts the leading mode axis and appends its points, so that the axes end in order
        field = torch.tensordot(field, values, dims=([1], [1]))
    return field.to(dtype)
