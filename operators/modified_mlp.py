"""The modified multilayer perceptron, gated by encodings of the coordinates."""

from __future__ import annotations

import itertools
from typing import Any

from torch import Tensor, nn

from operators.coordinate_network import CoordinateNetwork
from operators.dense import GlorotLinear, activation_named, require_size


class ModifiedMLP(CoordinateNetwork):
    """Fully connected network whose layers are gated by two encodings of the coordinates.

    U, V = σ(W z₀ + b), each with its own weights;  z₁ = σ(W₁ z₀ + b₁),
    fₗ = σ(Wₗ zₗ₋₁ + bₗ),  zₗ = fₗ ⊙ U + (1 - fₗ) ⊙ V for l = 2 ... depth,  u = W z_depth + b

    Weights start from Glorot's normal distribution and biases from zero.

    Parameters
    ----------
    width, depth
        Size and number of the hidden layers.
    activation
        "tanh", "silu", "gelu" or "sin".
    in_features, out_features, others
        See `CoordinateNetwork`.

    Source: S. Wang, Y. Teng, P. Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055, section 2.6.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        width: int = 64,
        depth: int = 4,
        activation: str = "tanh",
        **others: Any,
    ) -> None:
        super().__init__(in_features, out_features, **others)
        require_size(width, depth)
        self.activation = activation_named(activation)
        features = len(self.feature_axes)
        sizes = [features, *[width] * depth, out_features]
        self.encoders = nn.ModuleList(GlorotLinear(features, width) for _ in range(2))
        self.layers = nn.ModuleList(GlorotLinear(a, b) for a, b in itertools.pairwise(sizes))

    def network(self, z: Tensor) -> Tensor:
        u, v = (self.activation(encoder(z)) for encoder in self.encoders)
        difference = u - v
        first, *gated, last = self.layers
        z = self.activation(first(z))
        for layer in gated:
            z = v + self.activation(layer(z)) * difference
        return last(z)
