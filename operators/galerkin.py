"""Transformers on fields with attention that is linear in the number of points and without softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from operators.attention import TransformerLayer, linear_attention
from operators.axes import append_coordinates, integration_weights, per_axis, vanish_on_walls
from operators.operator import Operator, unit_points
from operators.pointwise import PointwiseMLP
from operators.resample import along_axes, hat_averages, linear_interpolation
from operators.spectral import SpectralConv

_GAIN = {"galerkin": 1e-2, "fourier": 1e-3}


class HeadNorm(nn.Module):
    """Layer normalisation of (batch, heads, points, features) over the features, with a scale and shift for each head."""

    def __init__(self, heads: int, features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(heads, 1, features))
        self.shift = nn.Parameter(torch.zeros(heads, 1, features))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:]) * self.scale + self.shift


class LinearAttention(nn.Module):
    """Attention of (batch, points, width) in several heads, without softmax.

    galerkin:  ∫ Q (LN(K)ᵀ LN(V)),    fourier:  ∫ (LN(Q) LN(K)ᵀ) V / √e

    with the integral over the domain for the paper's sum over n points divided by n: they are the same but at the ends of
    an axis of vertices. The coordinates of the points follow the features of each head, in Q, K and V alike, which
    makes e features. Matrices of Q, K and V start near 0.01 I, with biases of zero.
    """

    def __init__(self, width: int, heads: int, dims: int, kind: Literal["galerkin", "fourier"]) -> None:
        super().__init__()
        self.heads, self.kind = heads, kind
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        for layer in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(layer.weight, gain=_GAIN[kind])
            with torch.no_grad():
                layer.weight.diagonal().add_(0.01)
            nn.init.zeros_(layer.bias)
        self.norms = nn.ModuleList(HeadNorm(heads, width // heads) for _ in range(2))
        self.out = nn.Linear(width + heads * dims, width)

    def forward(self, x: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
        """``positions`` (points, dims) are the unit coordinates; ``weights`` (points,) integrate over the domain."""
        projections = (self.query(x), self.key(x), self.value(x))
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in projections)
        first, second = self.norms
        if self.kind == "galerkin":
            k, v = first(k), second(v)
        else:
            q, k = first(q), second(k)
        positions = positions.expand(*q.shape[:2], *positions.shape)
        q, k, v = (torch.cat([y, positions], -1) for y in (q, k, v))
        if self.kind == "fourier":
            q = q / q.shape[-1] ** 0.5
        return self.out(linear_attention(q, k, v, weights).transpose(1, 2).flatten(2))


class SpectralLayers(nn.Module):
    """A lifting and layers σ(K x + W x), σ = silu, or the identity in the last: (..., features) -> (..., width)."""

    def __init__(
        self, features: int, width: int, layers: int, modes: Sequence[int], grid: Sequence[str]
    ) -> None:
        super().__init__()
        self.lifting = nn.Linear(features, width)
        self.convolutions = nn.ModuleList(SpectralConv(width, width, modes, grid=grid) for _ in range(layers))
        self.skips = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        x = self.lifting(x)
        for i, (convolution, skip) in enumerate(zip(self.convolutions, self.skips, strict=True)):
            assert isinstance(convolution, SpectralConv)
            if i:
                x = F.silu(x)
            x = convolution.channels_last(x) + skip(x)
        return x


class GalerkinTransformer(Operator):
    """Galerkin or Fourier transformer: lift, attend with linear cost, decode by spectral layers or point by point.

    With ``coarse`` the attention layers work on a coarse grid of their own, whatever the grid of the field: lifted features
    are averaged around its points, and what comes out is interpolated linearly. Both know where the points
    lie, so the model is one continuous operator at every resolution. The decoder is given the input fields and
    coordinates beside the features, as these are as smooth as the coarse grid.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    attention
        "galerkin": (K, V) normalised; "fourier": (Q, K) normalised. See `LinearAttention`.
    width
        Number of features of each point; ``heads`` must divide it, and leave at least 2 features for each.
    layers, heads
        Number of attention layers, and of heads in each.
    coarse
        Points on each axis of the grid that the attention layers work on, one number for all axes or one for each; both
        ends of an axis are among them. None: the grid of the field.
    decoder
        "spectral" for smooth outputs; "pointwise" for outputs with jumps, as the coefficient of an inverse problem has.
    decoder_width, decoder_layers, modes
        Channels, number of layers and Fourier modes (see `SpectralConv`; one number for all axes or one for each) of
        the spectral decoder; of the pointwise one, ``decoder_width`` hidden channels.
    dropout
        Share of the features that each layer drops in training; the attention itself drops none.
    zero_boundary
        As in `FNO`.
    others
        dims, domain and grid: see `Operator`.

    Source: S. Cao, "Choose a transformer: Fourier or Galerkin", NeurIPS 2021. There convolutions of 3 x 3 pixels and
    bilinear interpolation lead to the coarse grid and back, which ties the model to its resolution; here a pointwise network and averages.
    And there features are not normalised before each layer; here they are.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        attention: Literal["galerkin", "fourier"] = "galerkin",
        width: int = 96,
        layers: int = 4,
        heads: int = 1,
        coarse: int | Sequence[int] | None = None,
        decoder: Literal["spectral", "pointwise"] = "spectral",
        decoder_width: int = 48,
        decoder_layers: int = 2,
        modes: int | Sequence[int] = 12,
        dropout: float = 0.0,
        zero_boundary: bool | Sequence[bool] = False,
        **others: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, **others)
        if attention not in _GAIN:
            raise ValueError(f"unknown attention {attention!r}; choose one of {', '.join(_GAIN)}")
        if decoder not in ("spectral", "pointwise"):
            raise ValueError(f"unknown decoder {decoder!r}; choose spectral or pointwise")
        if heads < 1 or width % heads or width // heads < 2:
            raise ValueError(
                f"width ({width}) must be a multiple of heads ({heads}) that leaves 2 features or more for each"
            )
        self.coarse = None if coarse is None else per_axis(coarse, self.dims, "coarse")
        if self.coarse and min(self.coarse) < 2:
            raise ValueError(f"coarse is {coarse}; the coarse grid needs at least 2 points on each axis")
        self.zero_boundary = per_axis(zero_boundary, self.dims, "zero_boundary")
        features = in_channels + self.dims
        self.lifting = PointwiseMLP(features, 2 * width, width)
        self.layers = nn.ModuleList(
            TransformerLayer(
                width,
                LinearAttention(width, heads, self.dims, attention),
                nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)),
                dropout,
            )
            for _ in range(layers)
        )
        features += width
        if decoder == "spectral":
            kept = per_axis(modes, self.dims, "modes")
            self.spectral: nn.Module = SpectralLayers(
                features, decoder_width, decoder_layers, kept, self.grid
            )
            self.projection = PointwiseMLP(decoder_width, 2 * decoder_width, out_channels)
        else:
            self.spectral = nn.Identity()
            self.projection = PointwiseMLP(features, decoder_width, out_channels)

    def operate(self, x: Tensor, points: list[Tensor]) -> Tensor:
        x = append_coordinates(x, points).movedim(1, -1)
        z = self.lifting(x)
        z = (
            self._attend(z, points, self.grid)
            if self.coarse is None
            else self._attend_on_coarse_grid(z, points)
        )
        y = self.projection(self.spectral(torch.cat([z, x], -1)))
        return vanish_on_walls(y.movedim(-1, 1), points, self.zero_boundary).contiguous()

    def _attend_on_coarse_grid(self, z: Tensor, points: Sequence[Tensor]) -> Tensor:
        assert self.coarse is not None
        coarse = [unit_points(m, "vertices").to(points[0]) for m in self.coarse]
        axes = list(zip(points, coarse, self.grid, strict=True))
        there = [_to_coarse(s, t, convention) for s, t, convention in axes]
        back = [linear_interpolation(t, s) for s, t, _ in axes]
        z = self._attend(along_axes(z, there), coarse, ("vertices",) * self.dims)
        return along_axes(z, back)

    def _attend(self, z: Tensor, points: Sequence[Tensor], grid: Sequence[str]) -> Tensor:
        """The attention layers on features (batch, *grid, width) at ``points``."""
        positions = torch.cartesian_prod(*points).view(-1, self.dims)
        weights = integration_weights(points, grid)
        tokens = z.flatten(1, -2)
        for layer in self.layers:
            tokens = layer(tokens, positions, weights)
        return tokens.view(z.shape)


def _to_coarse(points: Tensor, targets: Tensor, convention: str) -> Tensor:
    """Averages around the targets, or interpolation where these are the finer of the two."""
    if len(points) < len(targets):
        return linear_interpolation(points, targets)
    return hat_averages(points, targets, integration_weights([points], [convention]))
