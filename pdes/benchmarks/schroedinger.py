"""Nonlinear Schrödinger equation: a breather of two solitons."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.benchmarks.tabulated import periodic_reference
from pdes.conditions import Initial, Periodic
from pdes.equations import Schroedinger
from pdes.geometry import Interval, TimeDomain
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def initial_state(x: Tensor) -> Tensor:
    return torch.stack([2 / torch.cosh(x), torch.zeros_like(x)], 1)


def schroedinger() -> Problem:
    """i h_t + ½ h_xx + |h|² h = 0, periodic on [-5, 5], t in [0, π/2], h(x, 0) = 2 sech x; h = u + i v.

    The initial values have a slope of ∓0.027 at the periodic ends; the waves that this kink radiates limit the
    reference to a relative accuracy of 2e-5.

    Source: M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019) 686, section 3.1.1.
    """
    pde = Schroedinger()
    end = math.pi / 2
    test_grid = Grid([Axis("x", 256, -5.0, 5.0, periodic=True), Axis("t", 201, 0.0, end, "vertices")])
    return Problem(
        name="schroedinger",
        pde=pde,
        domain=Interval(-5.0, 5.0) * TimeDomain(0.0, end),
        conditions=(
            Initial("u", lambda z: initial_state(z[:, 0])[:, 0], name="u_initial"),
            Initial("v", 0.0, name="v_initial"),
            *(Periodic(field, name=f"{field}_periodic") for field in pde.fields),
            *(Periodic(field, order=1, name=f"{field}_x_periodic") for field in pde.fields),
        ),
        # explicit in the dispersion: a step is stable up to 2.8 / (k²/2) for the shortest wave kept
        reference=periodic_reference(pde, initial_state, test_grid, points=512, dt=end / 3600),
        test_grid=test_grid,
        source="pseudo-spectral solution on 512 points; set-up of Raissi et al. 2019",
    )
