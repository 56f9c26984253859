"""Fully connected coordinate networks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from operators.operator import CoordinateNetwork

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "silu": F.silu,
    "gelu": F.gelu,
    "sin": torch.sin,
}


class MLP(CoordinateNetwork):
    """Fully connected network of points, (n, in_features) -> (n, out_features).

    z₀ = scaled coordinates,  zₗ = σ(Wₗ zₗ₋₁ + bₗ) for l = 1 ... depth,  u = W z_depth + b

    Weights start from Glorot's normal distribution and biases from zero.

    Parameters
    ----------
    in_features, out_features
        Number of coordinates and of fields.
    width, depth
        Size and number of the hidden layers.
    activation
        "tanh", "silu", "gelu" or "sin"; all are smooth, as derivatives of the network are taken.
    lower, upper
        Bounds of the coordinates, see `CoordinateNetwork`.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        width: int = 64,
        depth: int = 4,
        activation: str = "tanh",
        lower: Sequence[float] | None = None,
        upper: Sequence[float] | None = None,
    ) -> None:
        super().__init__(in_features, out_features, lower=lower, upper=upper)
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}; choose one of {', '.join(ACTIVATIONS)}")
        if width < 1 or depth < 1:
            raise ValueError(f"width ({width}) and depth ({depth}) must be at least 1")
        self.activation = ACTIVATIONS[activation]
        sizes = [in_features, *[width] * depth, out_features]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def network(self, z: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            z = self.activation(layer(z))
        return last(z)
