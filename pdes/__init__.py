"""What the physics is: equations, domains, conditions, derivatives and reference solvers."""

from pdes.conditions import Condition, Dirichlet, Initial, Neumann, Observation, Periodic, Robin
from pdes.equations import (
    AllenCahn,
    Burgers,
    Darcy,
    Heat,
    Helmholtz,
    IncompressibleNavierStokes,
    KleinGordon,
    KuramotoSivashinsky,
    NavierStokes,
    Poisson,
    Schroedinger,
    Wave,
)
from pdes.exact_conditions import ExactConditions
from pdes.geometry import Box, Domain, Interval, Rectangle, SpaceTime, TimeDomain
from pdes.grid import CONVENTIONS, Axis, Grid
from pdes.pde import PDE, Derivative, State
from pdes.problem import Problem
from pdes.residual import grid_residual, point_residual, point_state
from pdes.sobolev import SobolevTransform
from pdes.testing import check_pde

__all__ = [
    "CONVENTIONS",
    "PDE",
    "AllenCahn",
    "Axis",
    "Box",
    "Burgers",
    "Condition",
    "Darcy",
    "Derivative",
    "Dirichlet",
    "Domain",
    "ExactConditions",
    "Grid",
    "Heat",
    "Helmholtz",
    "IncompressibleNavierStokes",
    "Initial",
    "Interval",
    "KleinGordon",
    "KuramotoSivashinsky",
    "NavierStokes",
    "Neumann",
    "Observation",
    "Periodic",
    "Poisson",
    "Problem",
    "Rectangle",
    "Robin",
    "Schroedinger",
    "SobolevTransform",
    "SpaceTime",
    "State",
    "TimeDomain",
    "Wave",
    "check_pde",
    "grid_residual",
    "point_residual",
    "point_state",
]
