"""What is learned: neural operators between fields on grids, and networks of coordinates."""

from operators.fno import FNO
from operators.mlp import MLP
from operators.neuralop import NeuralopOperator
from operators.operator import CONVENTIONS, CoordinateNetwork, Model, Operator, unit_points
from operators.pointwise import Pointwise, PointwiseMLP
from operators.spectral import SpectralConv
from operators.testing import check_operator

__all__ = [
    "CONVENTIONS",
    "FNO",
    "MLP",
    "CoordinateNetwork",
    "Model",
    "NeuralopOperator",
    "Operator",
    "Pointwise",
    "PointwiseMLP",
    "SpectralConv",
    "check_operator",
    "unit_points",
]
