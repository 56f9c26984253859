"""Kovasznay flow: the steady laminar flow behind a grid, an exact solution of the Navier-Stokes equations."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdes.benchmarks.exact import boundary_values, column
from pdes.conditions import Dirichlet
from pdes.equations import IncompressibleNavierStokes
from pdes.geometry import Rectangle
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def kovasznay(reynolds: float = 40.0) -> Problem:
    """Steady Navier-Stokes on [-0.5, 1] x [-0.5, 1.5] at Re = 40, the velocity given on all sides.

        u = 1 - e^{λx} cos 2πy,  v = λ/2π e^{λx} sin 2πy,  p = ½ (1 - e^{2λx}),  λ = Re/2 - √(Re²/4 + 4π²)

    The pressure is given on the outflow side x = 1, which fixes its constant.

    Source: L. I. G. Kovasznay, Proc. Camb. Phil. Soc. 44 (1948) 58; as a benchmark X. Jin, S. Cai, H. Li,
    G. E. Karniadakis, J. Comput. Phys. 426 (2021) 109951.
    """
    rate = reynolds / 2 - math.sqrt(reynolds**2 / 4 + 4 * math.pi**2)

    def exact(z: Tensor) -> Tensor:
        x, y = z.unbind(1)
        growth = torch.exp(rate * x)
        u = 1 - growth * torch.cos(2 * math.pi * y)
        v = rate / (2 * math.pi) * growth * torch.sin(2 * math.pi * y)
        return torch.stack([u, v, (1 - growth**2) / 2], 1)

    return Problem(
        name="kovasznay",
        pde=IncompressibleNavierStokes(1 / reynolds, steady=True),
        domain=Rectangle((-0.5, -0.5), (1.0, 1.5)),
        conditions=(
            *boundary_values(exact, ("u", "v")),
            Dirichlet("p", column(exact, 2), part="x_max", name="p_outflow"),
        ),
        reference=exact,
        test_grid=Grid([Axis("x", 76, -0.5, 1.0, "vertices"), Axis("y", 101, -0.5, 1.5, "vertices")]),
        source="exact (Kovasznay 1948); set-up of Jin et al. 2021",
    )
