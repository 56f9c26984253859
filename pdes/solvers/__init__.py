"""Reference solvers, in float64 and batched."""

from pdes.solvers.darcy import solve_darcy
from pdes.solvers.etdrk4 import ETDRK4
from pdes.solvers.periodic import solve_periodic

__all__ = ["ETDRK4", "solve_darcy", "solve_periodic"]
