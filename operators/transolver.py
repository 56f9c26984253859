"""Transolver: attention among a few learned states instead of among all points."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from operators.attention import TransformerLayer, softmax_attention
from operators.axes import integration_weights
from operators.lifted import LiftedOperator, require_hidden
from operators.operator import unit_points


class PhysicsAttention(nn.Module):
    """Attention among slices of the domain, (batch, points, width) -> (batch, points, width), in each head:

    sᵢₘ = softmaxₘ((P xᵢ)ₘ / τ)          how far point i belongs to slice m, with a temperature τ for each head
    zₘ = Σᵢ wᵢ sᵢₘ fᵢ / Σᵢ wᵢ sᵢₘ         the slice's token: mean of the features f over the slice
    z' = softmax(Q Kᵀ / √d) V             attention among the tokens
    yᵢ = Σₘ sᵢₘ z'ₘ                       back to the points

    with x and f two linear maps of the input, and wᵢ the weights of an integral over the domain: sums over points are
    normalised, so that no resolution is built in. P, Q, K and V are shared by the heads; the rows of P start orthogonal.
    """

    def __init__(self, width: int, heads: int, slices: int) -> None:
        super().__init__()
        self.heads = heads
        features = width // heads
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        self.assignment = nn.Linear(features, slices)
        nn.init.orthogonal_(self.assignment.weight)
        self.log_temperature = nn.Parameter(torch.full((heads, 1, 1), 0.5).log())
        self.tokens = nn.Linear(features, 3 * features, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """``weights`` (points,) integrate over the domain."""
        keys, values = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.keys, self.values)
        )
        slices = self.slice_shares(keys)
        tokens = slice_means(slices, values, weights)
        tokens = softmax_attention(*self.tokens(tokens).chunk(3, -1))
        return self.out((slices @ tokens).transpose(1, 2).flatten(2))

    def slice_shares(self, keys: Tensor) -> Tensor:
        """How far each point belongs to each slice, (batch, heads, points, slices): positive, with a sum of 1 over the slices."""
        # matrix and bias are cooled in place of the scores, which are many
        rate = (-self.log_temperature).exp()
        scores = keys @ (rate * self.assignment.weight.mT) + rate * self.assignment.bias
        return scores.softmax(-1)


def slice_means(slices: Tensor, values: Tensor, weights: Tensor) -> Tensor:
    """Means of the values over the slices, Σᵢ wᵢ sᵢₘ fᵢ / Σᵢ wᵢ sᵢₘ: (..., slices, features)."""
    # not below the smallest number whose reciprocal is finite: an empty slice has a token of zero
    mass = (weights @ slices).clamp_min(torch.finfo(slices.dtype).tiny)
    return slices.mT @ (weights[:, None] * values) / mass[..., None]


class Transolver(LiftedOperator):
    """Transolver: points are assigned to a few learned slices, which attend to each other (`PhysicsAttention`).

    Its cost is linear in the number of points, and as nothing but the coordinates says where a point lies, it
    is one continuous operator at every resolution.

    Parameters
    ----------
    in_channels, out_channels, dims
        Number of input and output fields, and of grid axes.
    width
        Number of features of each point; ``heads`` must divide it.
    layers, heads, slices
        Number of layers, of heads in each layer, and of slices in each head.
    mlp_ratio
        Hidden features of each layer's pointwise network, relative to ``width``.
    others
        Keyword arguments of `LiftedOperator`.

    Source: H. Wu, H. Luo, H. Wang, J. Wang, M. Long, "Transolver: a fast transformer solver for PDEs on general geometries",
    ICML 2024. Its public code has convolutions of 3 x 3 pixels for the two maps of the input on a regular grid, which
    ties it to its resolution; here they are pointwise, as its version for irregular points has them.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int,
        width: int = 128,
        layers: int = 8,
        heads: int = 8,
        slices: int = 64,
        mlp_ratio: float = 1,
        **others: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, dims, width, **others)
        if min(heads, slices, layers) < 1:
            raise ValueError(
                f"layers ({layers}), heads ({heads}) and slices ({slices}) must each be at least 1"
            )
        if width % heads:
            raise ValueError(f"width ({width}) must be a multiple of heads ({heads})")
        hidden = require_hidden("mlp_ratio", int(mlp_ratio * width), width)
        self.layers = nn.ModuleList(
            TransformerLayer(
                width,
                PhysicsAttention(width, heads, slices),
                nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)),
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def mix(self, x: Tensor) -> Tensor:
        points = [unit_points(n, c).to(x) for n, c in zip(x.shape[1:-1], self.grid, strict=True)]
        weights = integration_weights(points, self.grid)
        tokens = x.flatten(1, -2)
        for layer in self.layers:
            tokens = layer(tokens, weights)
        return self.norm(tokens).view(x.shape)
