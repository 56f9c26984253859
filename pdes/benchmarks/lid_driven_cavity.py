"""The lid-driven cavity: the commonest test of solvers for incompressible flow."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pdes.benchmarks.corner_flow import sliding_corner
from pdes.conditions import Dirichlet, Observation
from pdes.equations import IncompressibleNavierStokes
from pdes.geometry import Rectangle
from pdes.grid import Axis, Grid
from pdes.problem import Problem
from pdes.solvers import ChebyshevSeries, solve_collocation

VISCOSITY = 0.01
TABLE = Path(__file__).with_name("lid_driven_cavity.npy")
"""Chebyshev coefficients of the solution less `corner_singularities`, written by `tabulate`."""


def corner_singularities(points: Tensor) -> Tensor:
    """The parts of (u, v, p) that are singular at the two upper corners, points (n, 2) to (n, 3)."""
    x, y = points.unbind(1)
    u0, v0, p0 = sliding_corner(x, 1 - y, 1.0, VISCOSITY)
    # seen from the right corner the lid slides towards it
    u1, v1, p1 = sliding_corner(1 - x, 1 - y, -1.0, VISCOSITY)
    return torch.stack([u0 - u1, -v0 - v1, p0 + p1], 1)


def solve(degree: int) -> ChebyshevSeries:
    """The solution less `corner_singularities`, of this degree in x and y."""
    return solve_collocation(lid_driven_cavity(), degree)


def tabulate(degree: int = 42) -> None:
    """Write `TABLE`; it takes minutes and 2 GB."""
    np.save(TABLE, solve(degree).coefficients.numpy())


@lru_cache(maxsize=1)
def _table() -> ChebyshevSeries:
    return ChebyshevSeries((0.0, 0.0), (1.0, 1.0), torch.from_numpy(np.load(TABLE)))


def lid_driven_cavity() -> Problem:
    """Steady Navier-Stokes on the unit square at Re = 100: u = 1 on the lid y = 1, the other walls at rest.

    The pressure is 0 at the origin, which fixes its constant. At the upper corners the velocity jumps and the
    pressure is infinite; the error is therefore that of the velocity alone, and at the centres of 100 x 100 cells.

    The reference is our own solution: Chebyshev collocation for what is left of the solution when the two leading
    terms at each upper corner are taken away. Its velocity is accurate to 1e-5 in relative L2 on the test grid,
    the errors sitting near the upper corners, and to 1e-6 on the centrelines. The table is written by

        python -c "from pdes.benchmarks.lid_driven_cavity import tabulate; tabulate()"

    Source: U. Ghia, K. N. Ghia, C. T. Shin, J. Comput. Phys. 48 (1982) 387; the singularities taken away as in
    O. Botella, R. Peyret, Computers & Fluids 27 (1998) 421.
    """
    walls = ("x_min", "x_max", "y_min", "y_max")
    return Problem(
        name="lid_driven_cavity",
        pde=IncompressibleNavierStokes(VISCOSITY, steady=True),
        domain=Rectangle((0.0, 0.0), (1.0, 1.0)),
        conditions=(
            *(Dirichlet("u", float(wall == "y_max"), part=wall, name=f"u_{wall}") for wall in walls),
            Dirichlet("v", name="v_walls"),
            Observation("p", ((0.0, 0.0),), (0.0,), name="p_origin"),
        ),
        known=corner_singularities,
        reference=lambda z: corner_singularities(z.to(torch.float64)) + _table()(z),
        compared=("u", "v"),
        test_grid=Grid(Axis(name, 100, 0.0, 1.0, "centres") for name in ("x", "y")),
        source="our spectral solution, tabulated; set-up of Ghia et al. 1982",
    )
