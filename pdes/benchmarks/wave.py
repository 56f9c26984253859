"""Two standing waves of different frequency on a string."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.benchmarks.exact import initial_values
from pdes.conditions import Dirichlet, Initial
from pdes.equations import Wave
from pdes.geometry import Interval, TimeDomain
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def wave_1d() -> Problem:
    """u_tt = 4 u_xx on [0, 1] x [0, 1], u = 0 at the ends, at rest at t = 0;
    u = sin(πx) cos(2πt) + ½ sin(4πx) cos(8πt).

    Source: S. Wang, X. Yu, P. Perdikaris, J. Comput. Phys. 449 (2022) 110768; Wave1d-C of
    Z. Hao et al., PINNacle (arXiv:2306.08827).
    """

    def exact(z: Tensor) -> Tensor:
        x, t = z.unbind(1)
        slow = torch.sin(math.pi * x) * torch.cos(2 * math.pi * t)
        return (slow + torch.sin(4 * math.pi * x) * torch.cos(8 * math.pi * t) / 2)[:, None]

    return Problem(
        name="wave_1d",
        pde=Wave(2.0),
        domain=Interval(0.0, 1.0) * TimeDomain(0.0, 1.0),
        conditions=(
            Dirichlet("u", name="u_boundary"),
            *initial_values(exact),
            Initial("u", order=1, name="u_t_initial"),
        ),
        reference=exact,
        test_grid=Grid(Axis(name, 101, 0.0, 1.0, "vertices") for name in ("x", "t")),
        source="exact (standing waves); set-up of Wang et al. 2022",
    )
