"""A nonlinear Klein-Gordon problem with a manufactured solution."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.benchmarks.exact import boundary_values, initial_values
from pdes.conditions import Initial
from pdes.equations import KleinGordon
from pdes.geometry import Interval, TimeDomain
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def exact(points: Tensor) -> Tensor:
    """u = x cos(5πt) + (xt)³, points (n, 2) to (n, 1)."""
    x, t = points.unbind(1)
    return (x * torch.cos(5 * math.pi * t) + (x * t) ** 3)[:, None]


def _force(points: Tensor) -> Tensor:
    """u_tt - u_xx + u³ of the exact solution, (n,)."""
    x, t = points.unbind(1)
    u_tt = -25 * math.pi**2 * x * torch.cos(5 * math.pi * t) + 6 * x**3 * t
    return u_tt - 6 * x * t**3 + exact(points)[:, 0] ** 3


def klein_gordon() -> Problem:
    """u_tt - u_xx + u³ = f on [0, 1] x [0, 1], at rest at t = 0, u given at the ends; u = x cos(5πt) + (xt)³.

    Source: S. Wang, Y. Teng, P. Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055.
    """
    return Problem(
        name="klein_gordon",
        pde=KleinGordon(),
        domain=Interval(0.0, 1.0) * TimeDomain(0.0, 1.0),
        conditions=(
            *boundary_values(exact),
            *initial_values(exact),
            Initial("u", order=1, name="u_t_initial"),
        ),
        inputs={"f": _force},
        reference=exact,
        test_grid=Grid(Axis(name, 101, 0.0, 1.0, "vertices") for name in ("x", "t")),
        source="exact (manufactured); set-up of Wang et al. 2021",
    )
