"""What the physics is: equations, domains, conditions, derivatives and reference solvers."""

from pdes.conditions import Condition, Dirichlet, Initial, Periodic
from pdes.equations import Burgers, Darcy, Heat, NavierStokes, Poisson
from pdes.geometry import Box, Domain, Interval, Rectangle, SpaceTime, TimeDomain
from pdes.grid import CONVENTIONS, Axis, Grid
from pdes.pde import PDE, Derivative, State
from pdes.problem import Problem
from pdes.residual import grid_residual, point_residual, point_state
from pdes.testing import check_pde

__all__ = [
    "CONVENTIONS",
    "PDE",
    "Axis",
    "Box",
    "Burgers",
    "Condition",
    "Darcy",
    "Derivative",
    "Dirichlet",
    "Domain",
    "Grid",
    "Heat",
    "Initial",
    "Interval",
    "NavierStokes",
    "Periodic",
    "Poisson",
    "Problem",
    "Rectangle",
    "SpaceTime",
    "State",
    "TimeDomain",
    "check_pde",
    "grid_residual",
    "point_residual",
    "point_state",
]
