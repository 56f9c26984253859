"""What is learned: neural operators between fields on grids, and networks of coordinates."""

from operators.coordinate_network import CoordinateNetwork
from operators.coordinate_testing import check_coordinate_network
from operators.deeponet import DeepONet, MultiONet
from operators.ffno import FactorizedFNO
from operators.fno import FNO
from operators.fourier_features import FourierFeatures, FourierMLP
from operators.fourier_series import FourierSeries
from operators.galerkin import GalerkinTransformer
from operators.lsm import LSM
from operators.mlp import MLP
from operators.modified_mlp import ModifiedMLP
from operators.multigrid import MultiGridPatching
from operators.neuralop import NeuralopOperator
from operators.operator import CONVENTIONS, Model, Operator, unit_points
from operators.piratenet import PirateNet
from operators.pointwise import PointwiseMLP
from operators.siren import SIREN
from operators.spectral import SpectralConv
from operators.testing import check_operator
from operators.tfno import TFNO, FactorizedSpectralConv
from operators.transolver import Transolver
from operators.uno import UNO

__all__ = [
    "CONVENTIONS",
    "FNO",
    "LSM",
    "MLP",
    "SIREN",
    "TFNO",
    "UNO",
    "CoordinateNetwork",
    "DeepONet",
    "FactorizedFNO",
    "FactorizedSpectralConv",
    "FourierFeatures",
    "FourierMLP",
    "FourierSeries",
    "GalerkinTransformer",
    "Model",
    "ModifiedMLP",
    "MultiGridPatching",
    "MultiONet",
    "NeuralopOperator",
    "Operator",
    "PirateNet",
    "PointwiseMLP",
    "SpectralConv",
    "Transolver",
    "check_coordinate_network",
    "check_operator",
    "unit_points",
]
