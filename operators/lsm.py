"""The latent spectral model: a U-Net whose skip connections solve in a small latent space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from operators.attention import softmax_attention
from operators.axes import per_axis
from operators.lifted import LiftedOperator


class Convolution3d(nn.Conv3d):
    """`torch.nn.Conv3d` that on a CPU computes in at least single precision; the result has the input's type.

    In bfloat16 torch 2.13 on processors with AVX-512 returns wrong gradients of the weights, in part memory that nothing
    was written to, where the first axis is short: 2 points for 3 pixels. The coarsest scale has such grids.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        dtype = torch.promote_types(torch.promote_types(x.dtype, self.weight.dtype), torch.float32)
        bias = None if self.bias is None else self.bias.to(dtype)
        with torch.autocast("cpu", enabled=False):
            return self._conv_forward(x.to(dtype), self.weight.to(dtype), bias).to(x.dtype)


# by number of axes: convolution, pooling, interpolation
_LAYERS: dict[int, tuple[type[nn.Module], type[nn.Module], str]] = {
    1: (nn.Conv1d, nn.MaxPool1d, "linear"),
    2: (nn.Conv2d, nn.MaxPool2d, "bilinear"),
    3: (Convolution3d, nn.MaxPool3d, "trilinear"),
}


class NeuralSpectralBlock(nn.Module):
    """Each patch of a field passes through a few latent tokens, (batch, channels, *grid) -> the same shape.

    t = T + attention(T; K x, V x)                                    the learned tokens T read the patch's points
    t' = t + Σᵢ sin(π i t / N) wᵢ + cos(π i t / N) w'ᵢ,  0 ≤ i < N     a trigonometric series for each channel
    y = x + attention(Q x; t', t')                                    the points read the tokens

    with softmax attention in several heads. The grid must hold whole patches.

    Parameters
    ----------
    channels, heads
        ``heads`` must divide ``channels``.
    patch
        Points of a patch along each axis.
    tokens
        Number of latent tokens.
    frequencies
        N, the number of frequencies of the series.
    """

    def __init__(
        self, channels: int, *, heads: int, patch: Sequence[int], tokens: int, frequencies: int
    ) -> None:
        super().__init__()
        self.heads, self.patch, self.frequencies = heads, tuple(patch), frequencies
        features = channels // heads
        self.latent = nn.Parameter(torch.randn(heads, tokens, features))
        # the sine of frequency 0 is left out
        self.series = nn.Parameter(torch.randn(heads, 1, features, 2 * frequencies - 1) / frequencies)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.query = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        split = x
        for axis, p in enumerate(self.patch):
            split = split.unflatten(2 + 2 * axis, (-1, p))
        dims = len(self.patch)
        order = [0, *range(2, 2 + 2 * dims, 2), *range(3, 3 + 2 * dims, 2), 1]
        patches = split.permute(order)
        y = self.solve(patches.flatten(0, dims).flatten(1, dims)).view(patches.shape)
        inverse = [order.index(dim) for dim in range(len(order))]
        return y.permute(inverse).reshape(x.shape)

    def solve(self, x: Tensor) -> Tensor:
        """The block on points of one patch in each sample, (patches, points, channels)."""
        q, k, v = (self._by_head(y) for y in (self.query(x), *self.key_value(x).chunk(2, -1)))
        latent = self.latent.expand(len(x), *self.latent.shape)
        t = latent + softmax_attention(latent, k, v)
        t = t + self.trigonometric_series(t)
        return x + softmax_attention(q, t, t).transpose(1, 2).flatten(2)

    def trigonometric_series(self, t: Tensor) -> Tensor:
        """Σᵢ sin(π i t / N) wᵢ + cos(π i t / N) w'ᵢ of tokens (patches, heads, tokens, features)."""
        steps = torch.arange(self.frequencies, dtype=t.dtype, device=t.device) * (math.pi / self.frequencies)
        angles = t[..., None] * steps
        return (torch.cat([angles[..., 1:].sin(), angles.cos()], -1) * self.series).sum(-1)

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class LSM(LiftedOperator):
    """Latent spectral model: a U-Net with a `NeuralSpectralBlock` at each scale, on all skips and at the bottom.

    A scale is two convolutions of 3 pixels an axis, each with normalisation and ReLU. Channels double from scale to scale,
    but not into the last one; maximum pooling leads down, linear interpolation up.

    Parameters
    ----------
    in_channels, out_channels, dims
        Number of input and output fields, and of grid axes (1, 2 or 3).
    width
        Channels at the finest scale; ``heads`` must divide it.
    scales
        Number of resolutions, at least 2.
    patch
        Points of a patch along each axis, at every scale; one number for all axes or one for each. The field is padded with
        zeros at the upper ends, to multiples of patch × 2^(scales - 1), and cut to size again.
    tokens, heads, frequencies
        See `NeuralSpectralBlock`.
    size
        Points on each axis of the grid that the model is trained at: fields on others are then refused. A configuration has
        it from its training data.
    others
        Keyword arguments of `LiftedOperator`.

    Source: H. Wu, T. Hu, H. Luo, J. Wang, M. Long, "Solving high-dimensional PDEs with latent spectral models", ICML 2023.
    There the normalisation is over the batch; here over groups of channels, so that a sample's output is its own.
    """

    resolution_bound = "its convolutions, pooling and patches span a fixed number of points, so their physical size changes with the grid"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int,
        width: int = 32,
        scales: int = 5,
        patch: int | Sequence[int] = 3,
        tokens: int = 4,
        heads: int = 8,
        frequencies: int = 12,
        size: Sequence[int] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, dims, width, **others)
        if dims not in _LAYERS:
            raise ValueError(f"dims is {dims}; an LSM has 1, 2 or 3 axes")
        if scales < 2:
            raise ValueError(f"scales is {scales}; give at least 2")
        if min(tokens, heads, frequencies) < 1 or width % heads:
            raise ValueError(
                f"tokens ({tokens}), heads ({heads}) and frequencies ({frequencies}) must each be at least 1, "
                f"and width ({width}) a multiple of heads"
            )
        self.patch = per_axis(patch, dims, "patch")
        if min(self.patch) < 1:
            raise ValueError(f"patch is {patch}; a patch needs at least 1 point on each axis")
        self.size = None if size is None else per_axis(size, dims, "size")
        self.scales = scales
        channels = [width * 2 ** min(i, scales - 2) for i in range(scales)]
        convolution, pooling, self._interpolation = _LAYERS[dims]

        def pair(before: int, hidden: int, after: int) -> nn.Module:
            layers: list[nn.Module] = []
            for a, b in ((before, hidden), (hidden, after)):
                layers += [convolution(a, b, 3, padding=1), nn.GroupNorm(math.gcd(b, 8), b), nn.ReLU()]
            return nn.Sequential(*layers)

        finer = [width, *channels[:-1]]
        self.down = nn.ModuleList(pair(a, b, b) for a, b in zip(finer, channels, strict=True))
        self.pool = pooling(2)
        self.solvers = nn.ModuleList(
            NeuralSpectralBlock(c, heads=heads, patch=self.patch, tokens=tokens, frequencies=frequencies)
            for c in channels
        )
        self.up = nn.ModuleList(pair(2 * b, b, a) for a, b in zip(finer[:-1], channels[:-1], strict=True))

    def mix(self, x: Tensor) -> Tensor:
        sizes = x.shape[1:-1]
        x = self._pad(x.movedim(-1, 1))
        skips = []
        for i, (down, solver) in enumerate(zip(self.down, self.solvers, strict=True)):
            x = down(self.pool(x) if i else x)
            skips.append(solver(x))
        y = skips.pop()
        for up in reversed(self.up):
            y = F.interpolate(y, scale_factor=2, mode=self._interpolation)
            y = up(torch.cat([skips.pop(), y], 1))
        return y[(..., *(slice(n) for n in sizes))].movedim(1, -1)

    def _pad(self, x: Tensor) -> Tensor:
        padding: list[int] = []
        for axis, (n, patch) in enumerate(zip(x.shape[2:], self.patch, strict=True)):
            multiple = patch * 2 ** (self.scales - 1)
            if multiple >= 2 * n:
                raise ValueError(
                    f"axis {axis} has {n} points but patches of {patch} points at the last of {self.scales} scales need {multiple}; "
                    "use a smaller patch, fewer scales or a finer grid"
                )
            padding = [0, -n % multiple, *padding]
        return F.pad(x, padding)
