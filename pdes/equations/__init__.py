"""One equation a file. A new one is a file and its line here."""

from pdes.equations.allen_cahn import AllenCahn
from pdes.equations.burgers import Burgers
from pdes.equations.darcy import Darcy
from pdes.equations.heat import Heat
from pdes.equations.helmholtz import Helmholtz
from pdes.equations.incompressible_navier_stokes import IncompressibleNavierStokes
from pdes.equations.klein_gordon import KleinGordon
from pdes.equations.kuramoto_sivashinsky import KuramotoSivashinsky
from pdes.equations.navier_stokes import NavierStokes
from pdes.equations.poisson import Poisson
from pdes.equations.schroedinger import Schroedinger
from pdes.equations.wave import Wave

__all__ = [
    "AllenCahn",
    "Burgers",
    "Darcy",
    "Heat",
    "Helmholtz",
    "IncompressibleNavierStokes",
    "KleinGordon",
    "KuramotoSivashinsky",
    "NavierStokes",
    "Poisson",
    "Schroedinger",
    "Wave",
]
