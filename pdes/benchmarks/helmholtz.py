"""The Helmholtz problem on which the balance of losses decides."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.conditions import Dirichlet
from pdes.equations import Helmholtz
from pdes.geometry import Rectangle
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def helmholtz_2d(a1: int = 1, a2: int = 4, k: float = 1.0) -> Problem:
    """Δu + k² u = f on [-1, 1]² with u = 0 on its sides; u = sin(a1 π x) sin(a2 π y).

    Source: S. Wang, Y. Teng, P. Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055.
    """

    def exact(z: Tensor) -> Tensor:
        return (torch.sin(a1 * math.pi * z[:, 0]) * torch.sin(a2 * math.pi * z[:, 1]))[:, None]

    eigenvalue = k**2 - (a1**2 + a2**2) * math.pi**2
    return Problem(
        name="helmholtz_2d",
        pde=Helmholtz(k),
        domain=Rectangle((-1.0, -1.0), (1.0, 1.0)),
        conditions=(Dirichlet("u", name="u_boundary"),),
        inputs={"f": lambda z: eigenvalue * exact(z)[:, 0]},
        reference=exact,
        test_grid=Grid(Axis(name, 101, -1.0, 1.0, "vertices") for name in ("x", "y")),
        source="exact (manufactured); set-up of Wang et al. 2021",
    )
