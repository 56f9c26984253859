"""One equation a file. A new one is a file and its line here."""

from pdes.equations.burgers import Burgers
from pdes.equations.darcy import Darcy
from pdes.equations.heat import Heat
from pdes.equations.navier_stokes import NavierStokes
from pdes.equations.poisson import Poisson

__all__ = ["Burgers", "Darcy", "Heat", "NavierStokes", "Poisson"]
