"""Beltrami flow: an exact solution of the unsteady Navier-Stokes equations in three dimensions."""

from __future__ import annotations

import torch
from torch import Tensor

from pdes.benchmarks.exact import boundary_values, column, initial_values
from pdes.conditions import Dirichlet
from pdes.equations import IncompressibleNavierStokes
from pdes.geometry import Box, TimeDomain
from pdes.grid import Axis, Grid
from pdes.problem import Problem


def ethier_steinman(points: Tensor, a: float = 1.0, d: float = 1.0, nu: float = 1.0) -> Tensor:
    """Velocity and pressure (n, 4) at points (n, 4) of (x, y, z, t).

    With the cyclic (x, y, z), q = e^{-νd²t} and sums over the three permutations:

        u = -a q [e^{ax} sin(ay + dz) + e^{az} cos(ax + dy)]
        p = -a²/2 q² Σ [e^{2ax} + 2 sin(ax + dy) cos(az + dx) e^{a(y+z)}]

    Source: C. R. Ethier, D. A. Steinman, Int. J. Numer. Meth. Fluids 19 (1994) 369.
    """
    x, y, z, t = points.unbind(1)
    decay = torch.exp(-nu * d**2 * t)
    velocity, pressure = [], torch.zeros_like(t)
    for e, f, g in ((x, y, z), (y, z, x), (z, x, y)):
        swirl = torch.exp(a * e) * torch.sin(a * f + d * g) + torch.exp(a * g) * torch.cos(a * e + d * f)
        velocity.append(-a * decay * swirl)
        cross = torch.sin(a * e + d * f) * torch.cos(a * g + d * e) * torch.exp(a * (f + g))
        pressure = pressure + torch.exp(2 * a * e) + 2 * cross
    return torch.stack([*velocity, -(a**2) / 2 * decay**2 * pressure], 1)


def beltrami() -> Problem:
    """Navier-Stokes at ν = 1 on [-1, 1]³ x [0, 1], the velocity given at t = 0 and on all faces.

    The pressure is given on the face x = 1, which fixes its constant.

    Source: C. R. Ethier, D. A. Steinman, Int. J. Numer. Meth. Fluids 19 (1994) 369 with a = d = 1; as a
    benchmark X. Jin, S. Cai, H. Li, G. E. Karniadakis, J. Comput. Phys. 426 (2021) 109951.
    """
    velocity = ("u", "v", "w")
    space = tuple(Axis(name, 15, -1.0, 1.0, "vertices") for name in "xyz")
    return Problem(
        name="beltrami",
        pde=IncompressibleNavierStokes(1.0, dimensions=3),
        domain=Box("xyz", [-1.0] * 3, [1.0] * 3) * TimeDomain(0.0, 1.0),
        conditions=(
            *boundary_values(ethier_steinman, velocity),
            *initial_values(ethier_steinman, velocity),
            Dirichlet("p", column(ethier_steinman, 3), part="x_max", name="p_face"),
        ),
        reference=ethier_steinman,
        test_grid=Grid([*space, Axis("t", 11, 0.0, 1.0, "vertices")]),
        source="exact (Ethier and Steinman 1994); set-up of Jin et al. 2021",
    )
