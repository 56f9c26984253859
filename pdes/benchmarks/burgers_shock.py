"""The Burgers shock: the commonest test of a physics-informed network."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pdes.conditions import Dirichlet, Initial
from pdes.equations import Burgers
from pdes.geometry import Interval, TimeDomain
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def cole_hopf(points: Tensor, nu: float = 0.01 / math.pi, nodes: int = 256) -> Tensor:
    """The exact solution for u(0, x) = -sin(πx), at points (n, 2) of (x, t), as (n, 1) in float64.

        u = -∫ sin(π y) g(y) e^{-η²} dη / ∫ g(y) e^{-η²} dη,   y = x - √(4νt) η,   g = exp(-cos(π y) / (2πν)),

    by Gauss-Hermite quadrature. Exact to 1e-10 for ν >= 0.01/π with the default number of ``nodes``.

    Source: C. Basdevant et al., Computers & Fluids 14 (1986) 23, section 2.
    """
    eta, weight = (torch.from_numpy(v).to(points.device) for v in np.polynomial.hermite.hermgauss(nodes))
    x, t = points.to(torch.float64).unbind(1)
    y = x[:, None] - torch.sqrt(4 * nu * t)[:, None] * eta
    exponent = -torch.cos(math.pi * y) / (2 * math.pi * nu)
    # the common factor cancels in the quotient and would overflow
    g = weight * torch.exp(exponent - exponent.max(1, keepdim=True).values)
    return (-(torch.sin(math.pi * y) * g).sum(1) / g.sum(1))[:, None]


def burgers_shock(nu: float = 0.01 / math.pi) -> Problem:
    """u_t + u u_x = ν u_xx on [-1, 1] x [0, 1] with u(x, 0) = -sin(πx) and u(±1, t) = 0.

    A front of width about 2ν/|u| forms at x = 0 near t = 1/π. Tested on 256 x 100 points, the ends included.

    Source: M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019) 686, section 3.1.
    """
    return Problem(
        name="burgers_shock",
        pde=Burgers(nu),
        domain=Interval(-1.0, 1.0) * TimeDomain(0.0, 1.0),
        conditions=(
            Dirichlet("u", 0.0, name="boundary"),
            Initial("u", lambda z: -torch.sin(math.pi * z[:, 0]), name="initial"),
        ),
        reference=lambda z: cole_hopf(z, nu),
        test_grid=Grid([Axis("x", 256, -1.0, 1.0, "vertices"), Axis("t", 100, 0.0, 1.0, "vertices")]),
        source="exact (Cole-Hopf, Gauss-Hermite quadrature); set-up of Raissi et al. 2019",
    )
