"""Named problems from the literature, each with its reference and its source. A new one is a file and its line here."""

from pdes.benchmarks.allen_cahn import allen_cahn
from pdes.benchmarks.beltrami import beltrami
from pdes.benchmarks.burgers_shock import burgers_shock
from pdes.benchmarks.heat import heat_1d, heat_5d
from pdes.benchmarks.helmholtz import helmholtz_2d
from pdes.benchmarks.klein_gordon import klein_gordon
from pdes.benchmarks.kovasznay import kovasznay
from pdes.benchmarks.kuramoto_sivashinsky import kuramoto_sivashinsky
from pdes.benchmarks.lid_driven_cavity import lid_driven_cavity
from pdes.benchmarks.poisson import poisson_1d, poisson_2d, poisson_3d, poisson_5d
from pdes.benchmarks.schroedinger import schroedinger
from pdes.benchmarks.wave import wave_1d

__all__ = [
    "allen_cahn",
    "beltrami",
    "burgers_shock",
    "heat_1d",
    "heat_5d",
    "helmholtz_2d",
    "klein_gordon",
    "kovasznay",
    "kuramoto_sivashinsky",
    "lid_driven_cavity",
    "poisson_1d",
    "poisson_2d",
    "poisson_3d",
    "poisson_5d",
    "schroedinger",
    "wave_1d",
]
