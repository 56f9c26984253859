"""Loss balancers and what they need. A new balancer is a file and its line here."""

from sciml.optim.balancer import Balancer, WeightedSum
from sciml.optim.condition_number import Conditioning, conditioning, precondition
from sciml.optim.config import ConFIG, config_direction
from sciml.optim.dwa import DWA
from sciml.optim.levenberg_marquardt import LevenbergMarquardt
from sciml.optim.lra import LRA
from sciml.optim.momentum_config import MomentumConFIG
from sciml.optim.multiadam import MultiAdam
from sciml.optim.ntk import NTK
from sciml.optim.relobralo import ReLoBRaLo
from sciml.optim.schedule import learning_rate_factor
from sciml.optim.self_adaptive import SelfAdaptive
from sciml.optim.sketched_gauss_newton import SketchedGaussNewton
from sciml.optim.torchjd import TorchJD

__all__ = [
    "DWA",
    "LRA",
    "NTK",
    "Balancer",
    "ConFIG",
    "Conditioning",
    "LevenbergMarquardt",
    "MomentumConFIG",
    "MultiAdam",
    "ReLoBRaLo",
    "SelfAdaptive",
    "SketchedGaussNewton",
    "TorchJD",
    "WeightedSum",
    "conditioning",
    "config_direction",
    "learning_rate_factor",
    "precondition",
]
