"""Heat conduction with exact solutions in one and five dimensions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.benchmarks.exact import boundary_values, initial_values
from pdes.conditions import Dirichlet
from pdes.equations import Heat
from pdes.geometry import Box, Interval, TimeDomain
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def heat_1d() -> Problem:
    """u_t = ¼ u_xx on [0, 1] x [0, 1] with u(x, 0) = sin(πx) and u = 0 at the ends; u = exp(-π²t/4) sin(πx).

    Source: J. Müller, M. Zeinhofer, ICML 2023 (arXiv:2302.13163).
    """

    def exact(z: Tensor) -> Tensor:
        x, t = z.unbind(1)
        return (torch.exp(-(math.pi**2) * t / 4) * torch.sin(math.pi * x))[:, None]

    return Problem(
        name="heat_1d",
        pde=Heat(0.25),
        domain=Interval(0.0, 1.0) * TimeDomain(0.0, 1.0),
        conditions=(Dirichlet("u", name="u_boundary"), *initial_values(exact)),
        reference=exact,
        test_grid=Grid(Axis(name, 101, 0.0, 1.0, "vertices") for name in ("x", "t")),
        source="exact (separation of variables); set-up of Müller and Zeinhofer 2023",
    )


def heat_5d() -> Problem:
    """u_t = ¼ Δu on the unit cube of five dimensions and t in [0, 1]; u = exp(-t) Σ sin(2 x_i).

    Source: the problem in four dimensions of F. Dangel, J. Müller, M. Zeinhofer, NeurIPS 2024
    (arXiv:2405.15603), with a dimension more.
    """

    def exact(z: Tensor) -> Tensor:
        return (torch.exp(-z[:, -1]) * torch.sin(2 * z[:, :-1]).sum(1))[:, None]

    pde = Heat(0.25, dimensions=5)
    return Problem(
        name="heat_5d",
        pde=pde,
        domain=Box(pde.coords[:-1], [0.0] * 5, [1.0] * 5) * TimeDomain(0.0, 1.0),
        conditions=(*boundary_values(exact), *initial_values(exact)),
        reference=exact,
        test_grid=Grid(Axis(name, 6, 0.0, 1.0, "vertices") for name in pde.coords),
        source="exact; set-up of Dangel et al. 2024 in five dimensions",
    )
