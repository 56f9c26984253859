"""Physics-informed residual adaptive networks (PirateNets)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from operators.coordinate_network import CoordinateNetwork
from operators.dense import Activation, FactorisedLinear, GlorotLinear, activation_named, require_size
from operators.fourier_features import FourierFeatures


class PirateBlock(nn.Module):
    """x + α (h - x): two gated layers and a plain one, of which the skip connection passes nothing at the start, α = 0.

    z₁ = f ⊙ U + (1 - f) ⊙ V with f = σ(W₁ x + b₁),  z₂ likewise from f = σ(W₂ z₁ + b₂),  h = σ(W₃ z₂ + b₃)
    """

    def __init__(self, width: int, linear: Callable[[int, int], nn.Module], activation: Activation) -> None:
        super().__init__()
        self.layers = nn.ModuleList(linear(width, width) for _ in range(3))
        self.alpha = nn.Parameter(torch.zeros(()))
        self.activation = activation

    def forward(self, x: Tensor, v: Tensor, difference: Tensor) -> Tensor:
        """``v`` and ``difference`` are the encodings V and U - V."""
        *gated, last = self.layers
        z = x
        for layer in gated:
            z = v + self.activation(layer(z)) * difference
        return x + self.alpha * (self.activation(last(z)) - x)


class PirateNet(CoordinateNetwork):
    """Gated residual network that starts as a linear combination of random Fourier features and deepens in training.

    x₁ = (cos Bz, sin Bz) with the scaled coordinates z and B_ij ~ N(0, σ_j²),  U, V = σ(W x₁ + b), each with its own
    weights;  xₗ₊₁ = αₗ hₗ + (1 - αₗ) xₗ for l = 1 ... depth, where hₗ is three layers of xₗ gated by U and V and αₗ is
    trained from 0 (`PirateBlock`);  u = W x + b

    Weights start from Glorot's normal distribution and biases from zero.

    Parameters
    ----------
    width
        Size of every layer and number of Fourier features; even.
    depth
        Number of blocks, of three layers each.
    activation
        "tanh", "silu", "gelu" or "sin".
    sigma, trainable
        Of B, see `FourierFeatures`.
    factorised
        Factorise all weights but B at random, see `FactorisedLinear`.
    in_features, out_features, others
        See `CoordinateNetwork`.

    Source: S. Wang, B. Li, Y. Chen, P. Perdikaris, PirateNets: physics-informed deep learning with residual adaptive
    networks, arXiv:2402.00326; without the least-squares start of the last layer, which needs data.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        width: int = 64,
        depth: int = 2,
        activation: str = "tanh",
        sigma: float | Sequence[float] = 2.0,
        trainable: bool = False,
        factorised: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(in_features, out_features, **others)
        require_size(width, depth)
        if width % 2:
            raise ValueError(f"width ({width}) must be even: half of the features are cosines, half sines")
        self.activation = activation_named(activation)
        linear = FactorisedLinear if factorised else GlorotLinear
        self.embedding = FourierFeatures(self.feature_axes, width // 2, sigma, trainable=trainable)
        self.encoders = nn.ModuleList(linear(width, width) for _ in range(2))
        self.blocks = nn.ModuleList(PirateBlock(width, linear, self.activation) for _ in range(depth))
        self.last = linear(width, out_features)

    def network(self, z: Tensor) -> Tensor:
        x = self.embedding(z)
        u, v = (self.activation(encoder(x)) for encoder in self.encoders)
        difference = u - v
        for block in self.blocks:
            x = block(x, v, difference)
        return self.last(x)
