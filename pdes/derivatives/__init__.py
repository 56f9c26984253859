"""How a derivative is taken; the same residual runs with each."""

from pdes.derivatives.autograd import Autograd
from pdes.derivatives.axes import parse_axes
from pdes.derivatives.grid import GridDerivatives
from pdes.derivatives.spectral import spectral_derivative, wavenumbers
from pdes.derivatives.stencil import stencil_derivative

__all__ = [
    "Autograd",
    "GridDerivatives",
    "parse_axes",
    "spectral_derivative",
    "stencil_derivative",
    "wavenumbers",
]
