"""Reference solvers, in float64: evolution on periodic boxes, Darcy flow, anything smooth in a box."""

from pdes.solvers.chebyshev import ChebyshevSeries
from pdes.solvers.collocation import solve_collocation
from pdes.solvers.darcy import solve_darcy
from pdes.solvers.etdrk4 import ETDRK4
from pdes.solvers.periodic import solve_periodic

__all__ = ["ETDRK4", "ChebyshevSeries", "solve_collocation", "solve_darcy", "solve_periodic"]
