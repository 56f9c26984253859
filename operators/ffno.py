"""The factorized Fourier neural operator: one-dimensional spectral convolutions, axis by axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from operators.lifted import LiftedOperator, number_of_axes, require_hidden
from operators.pointwise import PointwiseMLP
from operators.spectral import SpectralConv, require_points


class AxisConvolutions(nn.Module):
    """Sum over the axes of a spectral convolution along each: Σᵢ Kᵢ v, (batch, *grid, width) -> (batch, *grid, width).

    Its weights grow with the sum of the modes, those of a `SpectralConv` with their product. It has no bias.
    """

    def __init__(self, width: int, modes: Sequence[int], *, grid: Sequence[str]) -> None:
        super().__init__()
        self.axes = nn.ModuleList(
            SpectralConv(width, width, [m], grid=convention, bias=False)
            for m, convention in zip(modes, grid, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        for axis, convolution in enumerate(self.axes):
            assert isinstance(convolution, SpectralConv)
            # here, as the convolution itself would call every axis its first
            require_points(axis, x.shape[axis + 1], convolution.modes[0], convolution.grid[0])
            lines = x.movedim(axis + 1, -2)
            mixed = convolution.channels_last(lines.flatten(0, -3))  # every line is a sample of its own
            y = y + mixed.view(lines.shape).movedim(-2, axis + 1)
        return y


class FactorizedFNO(LiftedOperator):
    """Factorized Fourier neural operator: x ← x + W₂ gelu(W₁ Σᵢ Kᵢ x + b₁) + b₂, with Kᵢ a spectral convolution along axis i.

    The residual goes around the pointwise layers, so that gradients reach the first of many layers undiminished.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    modes
        Fourier modes kept on each axis (see `SpectralConv`, of which each is the last axis); their number is the number
        of axes.
    width
        Number of channels inside.
    layers
        Number of layers.
    mlp_ratio
        Hidden channels of the pointwise layers, relative to ``width``.
    share_weights
        One set of convolutions for all layers.
    others
        Keyword arguments of `LiftedOperator`.

    Raises
    ------
    ValueError
        For modes that are not a list, no layer, or a ratio that leaves no hidden channel.

    Source: A. Tran, A. Mathews, L. Xie, C. S. Ong, Factorized Fourier neural operators, ICLR 2023. Its lifting and
    projection are linear or nearly so, and its pointwise layers have ReLU and weight normalisation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: Sequence[int],
        width: int,
        *,
        layers: int = 4,
        mlp_ratio: float = 2,
        share_weights: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, number_of_axes(modes), width, **others)
        if layers < 1:
            raise ValueError(f"layers is {layers}; expected at least 1")
        hidden = require_hidden("mlp_ratio", round(mlp_ratio * width), width)
        self.convolutions = nn.ModuleList(
            AxisConvolutions(width, modes, grid=self.grid) for _ in range(1 if share_weights else layers)
        )
        self.feed_forward = nn.ModuleList(PointwiseMLP(width, hidden, width) for _ in range(layers))

    def mix(self, x: Tensor) -> Tensor:
        for layer, feed_forward in enumerate(self.feed_forward):
            y = self.convolutions[layer % len(self.convolutions)](x)
            x = x + feed_forward(y)
        return x
