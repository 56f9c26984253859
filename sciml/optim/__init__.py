"""Loss balancers and what they need. A new balancer is a file and its line here."""

from sciml.optim.balancer import Balancer, WeightedSum
from sciml.optim.config import ConFIG, config_direction
from sciml.optim.schedule import learning_rate_factor

__all__ = ["Balancer", "ConFIG", "WeightedSum", "config_direction", "learning_rate_factor"]
