"""Poisson problems with manufactured solutions in one, two, three and five dimensions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.benchmarks.exact import Solution, boundary_values
from pdes.equations import Poisson
from pdes.geometry import Box, Interval
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def sine_product(points: Tensor) -> Tensor:
    """u = Π sin(π x_i), points (n, d) to (n, 1); -Δu = d π² u."""
    return torch.sin(math.pi * points).prod(1, keepdim=True)


def cosine_sum(points: Tensor) -> Tensor:
    """u = Σ cos(π x_i), points (n, d) to (n, 1); -Δu = π² u."""
    return torch.cos(math.pi * points).sum(1, keepdim=True)


def _manufactured(dimensions: int, solution: Solution, eigenvalue: float, n: int, source: str) -> Problem:
    """-Δu = λ u with the known u on the right, u given on the faces of the unit cube; tested on n^d vertices."""
    pde = Poisson(dimensions)
    return Problem(
        name=f"poisson_{dimensions}d",
        pde=pde,
        domain=Box(pde.coords, [0.0] * dimensions, [1.0] * dimensions),
        conditions=boundary_values(solution),
        inputs={"f": lambda z: eigenvalue * solution(z)[:, 0]},
        reference=solution,
        test_grid=Grid(Axis(x, n, 0.0, 1.0, "vertices") for x in pde.coords),
        source=f"exact (manufactured); {source}",
    )


def poisson_1d() -> Problem:
    """-u'' = cos x + sin x + 2 sin 2x on [-π, π] with u = 0 at both ends; u = (1 + cos x)(1 + sin x).

    The boundary alone says what the constant part of u is, which the conditioning of a trigonometric series shows.

    Source: the set-up of T. De Ryck et al., arXiv:2310.05801, section 3.2, with another right side.
    """

    def solution(points: Tensor) -> Tensor:
        return (1 + torch.cos(points)) * (1 + torch.sin(points))

    def source(points: Tensor) -> Tensor:
        x = points[:, 0]
        return torch.cos(x) + torch.sin(x) + 2 * torch.sin(2 * x)

    return Problem(
        name="poisson_1d",
        pde=Poisson(1),
        domain=Interval(-math.pi, math.pi),
        conditions=boundary_values(solution),
        inputs={"f": source},
        reference=solution,
        test_grid=Grid([Axis("x", 201, -math.pi, math.pi, "vertices")]),
        source="exact (manufactured); set-up of De Ryck et al. 2023",
    )


def poisson_2d() -> Problem:
    """-Δu = 2π² sin(πx) sin(πy) on the unit square with u = 0 on its sides; u = sin(πx) sin(πy).

    Source: J. Müller, M. Zeinhofer, ICML 2023 (arXiv:2302.13163).
    """
    return _manufactured(2, sine_product, 2 * math.pi**2, 101, "set-up of Müller and Zeinhofer 2023")


def poisson_3d() -> Problem:
    """-Δu = 3π² Π sin(π x_i) on the unit cube with u = 0 on its faces; u = Π sin(π x_i).

    Source: the two-dimensional problem of J. Müller, M. Zeinhofer, arXiv:2302.13163, with a dimension more.
    """
    return _manufactured(3, sine_product, 3 * math.pi**2, 33, "Müller and Zeinhofer 2023 in three dimensions")


def poisson_5d() -> Problem:
    """-Δu = π² Σ cos(π x_i) on the unit cube of five dimensions, u given on its faces; u = Σ cos(π x_i).

    Source: J. Müller, M. Zeinhofer, ICML 2023 (arXiv:2302.13163).
    """
    return _manufactured(5, cosine_sum, math.pi**2, 8, "set-up of Müller and Zeinhofer 2023")
