"""The factorized Fourier neural operator: one-dimensional spectral convolutions, axis by axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from operators.axes import per_axis
from operators.fno import SpectralOperator
from operators.pointwise import PointwiseMLP
from operators.spectral import SpectralConv, require_points


class AxisConvolutions(nn.Module):
    """Sum over the axes of a spectral convolution along each: Σᵢ Kᵢ v, (batch, *grid, width) -> (batch, *grid, width).

    Its weights grow with the sum of the modes, those of a `SpectralConv` with their product. It has no bias.
    """

    def __init__(
        self,
        width: int,
        modes: Sequence[int],
        *,
        grid: Sequence[str],
        basis: Sequence[str] | str = "fourier",
        padding: Sequence[float] | float = 0.0,
    ) -> None:
        super().__init__()
        bases, paddings = per_axis(basis, len(modes), "basis"), per_axis(padding, len(modes), "padding")
        self.axes = nn.ModuleList(
            SpectralConv(width, width, [m], grid=convention, basis=name, padding=p, bias=False)
            for m, convention, name, p in zip(modes, grid, bases, paddings, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        for axis, convolution in enumerate(self.axes):
            assert isinstance(convolution, SpectralConv)
            # here, as the convolution itself would call every axis its first
            require_points(axis, x.shape[axis + 1], convolution.grid[0], convolution.expansions[0])
            lines = x.movedim(axis + 1, -2)
            mixed = convolution.channels_last(lines.flatten(0, -3))  # every line is a sample of its own
            y = y + mixed.view(lines.shape).movedim(-2, axis + 1)
        return y


class FactorizedFNO(SpectralOperator):
    """Factorized Fourier neural operator: x ← x + W₂ gelu(W₁ Σᵢ Kᵢ x + b₁) + b₂, with Kᵢ a spectral convolution along axis i.

    The residual goes around the pointwise layers, so that gradients reach the first of many layers undiminished.

    Parameters
    ----------
    layers
        Number of layers.
    share_weights
        One set of convolutions for all layers.
    first, mlp_ratio, others
        Arguments of `SpectralOperator`. Of the ``modes`` each axis is the last one of a `SpectralConv`.

    Raises
    ------
    ValueError
        For no layer, and where `SpectralOperator` raises it.

    Source: A. Tran, A. Mathews, L. Xie, C. S. Ong, Factorized Fourier neural operators, ICLR 2023. Its lifting and
    projection are linear or nearly so, and its pointwise layers have ReLU and weight normalisation.
    """

    def __init__(
        self, *first: Any, layers: int = 4, share_weights: bool = False, mlp_ratio: float = 2, **others: Any
    ) -> None:
        super().__init__(*first, mlp_ratio=mlp_ratio, **others)
        if layers < 1:
            raise ValueError(f"layers is {layers}; expected at least 1")
        self.convolutions = nn.ModuleList(
            AxisConvolutions(self.width, self.modes, **self.axes)
            for _ in range(1 if share_weights else layers)
        )
        self.feed_forward = nn.ModuleList(
            PointwiseMLP(self.width, self.hidden(self.width), self.width) for _ in range(layers)
        )

    def mix(self, x: Tensor) -> Tensor:
        for layer, feed_forward in enumerate(self.feed_forward):
            y = self.convolutions[layer % len(self.convolutions)](x)
            x = x + feed_forward(y)
        return x
