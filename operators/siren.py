"""Sinusoidal representation networks."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn

from operators.coordinate_network import CoordinateNetwork
from operators.dense import require_size


class SIREN(CoordinateNetwork):
    """Sinusoidal representation network of points, (n, in_features) -> (n, out_features).

    z₁ = sin(ω₁ (W₁ z₀ + b₁)),  zₗ = sin(ω₀ (Wₗ zₗ₋₁ + bₗ)) for l = 2 ... depth,  u = W z_depth + b

    With m inputs of a layer, weights start from U(-1/m, 1/m) in the first layer and from U(-√(6/m)/ω₀, √(6/m)/ω₀) in the
    others, so that ω₀ W z is close to N(0, 1) at every depth; biases from U(-1/√m, 1/√m).

    Parameters
    ----------
    width, depth
        Size and number of the hidden layers.
    omega_0
        ω₀ of the hidden layers.
    first_omega
        ω₁, which sets the wavenumbers that the network starts with, in radians per half length of the domain. The paper
        takes ω₀ = ω₁ = 30, for images; a network that starts so far above the solution's wavenumbers can fit an equation
        at its points and oscillate between them.
    in_features, out_features, others
        See `CoordinateNetwork`.

    Source: V. Sitzmann et al., Implicit neural representations with periodic activation functions, NeurIPS 2020.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        width: int = 64,
        depth: int = 4,
        omega_0: float = 5.0,
        first_omega: float = 5.0,
        **others: Any,
    ) -> None:
        super().__init__(in_features, out_features, **others)
        require_size(width, depth)
        if not (omega_0 > 0 and first_omega > 0):
            raise ValueError(f"omega_0 ({omega_0}) and first_omega ({first_omega}) must be positive")
        self.omegas = [first_omega, *[omega_0] * (depth - 1)]
        sizes = [len(self.feature_axes), *[width] * depth, out_features]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        for k, layer in enumerate(self.layers):
            assert isinstance(layer, nn.Linear)
            inputs = layer.in_features
            bound = math.sqrt(6 / inputs) / omega_0 if k else 1 / inputs
            nn.init.uniform_(layer.weight, -bound, bound)

    def network(self, z: Tensor) -> Tensor:
        *hidden, last = self.layers
        for omega, layer in zip(self.omegas, hidden, strict=True):
            z = torch.sin(omega * layer(z))
        return last(z)
