"""Loss balancers and optimisers. A new one is a file and its line here."""

from sciml.optim.balancer import Balance, Balancer, WeightedSum
from sciml.optim.by_name import make_optimizer
from sciml.optim.condition_number import Conditioning, conditioning, precondition
from sciml.optim.config import ConFIG, config_direction
from sciml.optim.dwa import DWA
from sciml.optim.gradients import loss_gradients
from sciml.optim.lbfgs import LBFGS
from sciml.optim.levenberg_marquardt import LevenbergMarquardt
from sciml.optim.lra import LRA
from sciml.optim.momentum_config import MomentumConFIG
from sciml.optim.multiadam import MultiAdam
from sciml.optim.ntk import NTK
from sciml.optim.relobralo import ReLoBRaLo
from sciml.optim.schedule import learning_rate_factor
from sciml.optim.self_adaptive import SelfAdaptive
from sciml.optim.self_scaled import BFGS, SSBFGS, SSBroyden
from sciml.optim.sketched_gauss_newton import SketchedGaussNewton
from sciml.optim.torchjd import TorchJD

__all__ = [
    "BFGS",
    "DWA",
    "LBFGS",
    "LRA",
    "NTK",
    "SSBFGS",
    "Balance",
    "Balancer",
    "ConFIG",
    "Conditioning",
    "LevenbergMarquardt",
    "MomentumConFIG",
    "MultiAdam",
    "ReLoBRaLo",
    "SSBroyden",
    "SelfAdaptive",
    "SketchedGaussNewton",
    "TorchJD",
    "WeightedSum",
    "conditioning",
    "config_direction",
    "learning_rate_factor",
    "loss_gradients",
    "make_optimizer",
    "precondition",
]
