"""Fully connected coordinate networks."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import torch
from torch import Tensor, nn

from operators.coordinate_network import CoordinateNetwork
from operators.dense import GlorotLinear, activation_named, require_size

_SLOPES = ("none", "layer", "neuron")


class MLP(CoordinateNetwork):
    """Fully connected network of points, (n, in_features) -> (n, out_features).

    z₀ = scaled coordinates,  zₗ = σ(n aₗ ⊙ (Wₗ zₗ₋₁ + bₗ)) for l = 1 ... depth,  u = W z_depth + b

    Weights start from Glorot's normal distribution and biases from zero. The slopes n a are 1, or with ``adaptive``
    they start there and are trained.

    Parameters
    ----------
    width, depth
        Size and number of the hidden layers.
    activation
        "tanh", "silu", "gelu" or "sin".
    adaptive
        "none"; one slope a for each "layer", or for each "neuron".
    slope_scale
        n, with a = 1/n at the start: the larger, the faster slopes move under a first-order optimiser. Least squares moves
        them far enough with 1.
    in_features, out_features, others
        See `CoordinateNetwork`.

    Source of the slopes: A. D. Jagtap, K. Kawaguchi, G. E. Karniadakis, Proc. R. Soc. A 476 (2020) 20200334, without
    the recovery term in the loss.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        width: int = 64,
        depth: int = 4,
        activation: str = "tanh",
        adaptive: Literal["none", "layer", "neuron"] = "none",
        slope_scale: float = 1.0,
        **others: Any,
    ) -> None:
        super().__init__(in_features, out_features, **others)
        require_size(width, depth)
        if adaptive not in _SLOPES:
            raise ValueError(f"unknown adaptive {adaptive!r}; choose one of {', '.join(_SLOPES)}")
        if not slope_scale > 0:
            raise ValueError(f"slope_scale ({slope_scale}) must be positive")
        self.activation = activation_named(activation)
        self.width, self.slope_scale = width, slope_scale
        sizes = [len(self.feature_axes), *[width] * depth, out_features]
        self.layers = nn.ModuleList(GlorotLinear(a, b) for a, b in itertools.pairwise(sizes))
        shape = (width,) if adaptive == "neuron" else ()
        self.slopes = nn.ParameterList(
            torch.full(shape, 1 / slope_scale) for _ in range(depth if adaptive != "none" else 0)
        )

    def network(self, z: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer, slope in itertools.zip_longest(hidden, self.slopes):
            z = layer(z)
            z = self.activation(z if slope is None else self.slope_scale * slope * z)
        return last(z)
