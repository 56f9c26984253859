"""Allen-Cahn with sharpening fronts."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.benchmarks.tabulated import periodic_reference
from pdes.conditions import Initial, Periodic
from pdes.equations import AllenCahn
from pdes.geometry import Interval, TimeDomain
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def initial_state(x: Tensor) -> Tensor:
    return (x**2 * torch.cos(math.pi * x))[:, None]


def allen_cahn() -> Problem:
    """u_t = 10⁻⁴ u_xx - 5u³ + 5u, periodic on [-1, 1], t in [0, 1], u(x, 0) = x² cos(πx).

    The slope of the initial values jumps from -2 to 2 across the periodic ends, so the condition on u_x holds for
    t > 0 only.

    Source: M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019) 686, section 3.2.
    """
    pde = AllenCahn(1e-4, 5.0)
    test_grid = Grid([Axis("x", 512, -1.0, 1.0, periodic=True), Axis("t", 201, 0.0, 1.0, "vertices")])
    return Problem(
        name="allen_cahn",
        pde=pde,
        domain=Interval(-1.0, 1.0) * TimeDomain(0.0, 1.0),
        conditions=(
            Initial("u", lambda z: initial_state(z[:, 0])[:, 0], name="u_initial"),
            Periodic("u", name="u_periodic"),
            Periodic("u", order=1, name="u_x_periodic"),
        ),
        reference=periodic_reference(pde, initial_state, test_grid, points=2048, dt=1 / 400),
        test_grid=test_grid,
        source="pseudo-spectral solution on 2048 points; set-up of Raissi et al. 2019",
    )
