"""Kuramoto-Sivashinsky on the way to chaos."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.benchmarks.tabulated import periodic_reference
from pdes.conditions import Initial, Periodic
from pdes.equations import KuramotoSivashinsky
from pdes.geometry import Interval, TimeDomain
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def initial_state(x: Tensor) -> Tensor:
    return (torch.cos(x) * (1 + torch.sin(x)))[:, None]


def kuramoto_sivashinsky() -> Problem:
    """u_t + 100/16 u u_x + 100/16² u_xx + 100/16⁴ u_xxxx = 0, periodic on [0, 2π], t in [0, 0.2], u = cos x (1 + sin x) at t = 0.

    It is the problem of Kassam and Trefethen on [0, 32π] with lengths in units of 16 and times of 100, stopped
    before chaos sets in: the waves of the initial values steepen and break up into cells.

    Source: A.-K. Kassam, L. N. Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214; scaled like this in
    S. Wang, S. Sankaran, P. Perdikaris, Comput. Methods Appl. Mech. Eng. 421 (2024) 116813.
    """
    pde = KuramotoSivashinsky(100 / 16, 100 / 16**2, 100 / 16**4)
    period = 2 * math.pi
    test_grid = Grid([Axis("x", 512, 0.0, period, periodic=True), Axis("t", 201, 0.0, 0.2, "vertices")])
    return Problem(
        name="kuramoto_sivashinsky",
        pde=pde,
        domain=Interval(0.0, period) * TimeDomain(0.0, 0.2),
        conditions=(
            Initial("u", lambda z: initial_state(z[:, 0])[:, 0], name="u_initial"),
            Periodic("u", name="u_periodic"),
            *(Periodic("u", order=k, name=f"u_{'x' * k}_periodic") for k in (1, 2, 3)),
        ),
        reference=periodic_reference(pde, initial_state, test_grid, points=512, dt=2.5e-4),
        test_grid=test_grid,
        source="pseudo-spectral solution on 512 points; set-up of Kassam and Trefethen 2005, scaled",
    )
