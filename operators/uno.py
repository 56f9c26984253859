"""The U-shaped neural operator: Fourier layers on grids that get coarser and finer again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from operators.fno import FourierBlock
from operators.lifted import LiftedOperator, number_of_axes, require_hidden
from operators.mixed_precision import full_precision
from operators.spectral import SpectralConv, period


class UNO(LiftedOperator):
    """U-shaped neural operator: Fourier blocks on ever coarser grids with ever more channels, and back with skips.

    Level 0 is the grid of the input; level l ≥ 1 has the fraction fₗ of its points and modes on each axis, and
    width / fₗ channels. On the way down xₗ₊₁ = A R bₗ, bₗ = block(xₗ), and on the way up yₗ = block(R B yₗ₊₁ + C bₗ), with
    R the spectral resampling and A, B, C pointwise linear maps. Between levels pass the modes of the finer one alone:
    were they all that the grids hold, a finer input would show the coarse levels what they were not trained on.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    modes
        Fourier modes kept on each axis (see `SpectralConv`) on level 0; their number is the number of axes.
    width
        Number of channels on level 0.
    fractions
        Points of the levels below relative to the input's, decreasing, between 0 and 1.
    mlp_ratio
        Hidden channels of each block's MLP, relative to the channels of its level.
    others
        Keyword arguments of `LiftedOperator`.

    Raises
    ------
    ValueError
        For modes that are not a list, fractions out of order or bounds, or a ratio that leaves no hidden channel.

    Source: M. A. Rahman, Z. E. Ross, K. Azizzadenesheli, U-NO: U-shaped neural operators, TMLR 2023. There the integral
    layers themselves map between grids; here they are the blocks of `FNO`, and resampling is a step of its own.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: Sequence[int],
        width: int,
        *,
        fractions: Sequence[float] = (0.5, 0.25),
        mlp_ratio: float = 0.5,
        **others: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, number_of_axes(modes), width, **others)
        self.fractions = (1.0, *map(float, fractions))
        if not fractions or any(not 0 < b < a for a, b in itertools.pairwise(self.fractions)):
            raise ValueError(
                f"fractions is {list(fractions)}; give numbers that decrease from below 1 to above 0, such as [0.5, 0.25]"
            )
        widths = [round(width / f) for f in self.fractions]

        kept = [[scaled(m, f) for m in modes] for f in self.fractions]
        self.modes = kept[:-1]

        def block(level: int, last: bool = False) -> FourierBlock:
            channels = widths[level]
            spectral = SpectralConv(channels, channels, kept[level], grid=self.grid)
            hidden = require_hidden("mlp_ratio", round(mlp_ratio * channels), channels)
            return FourierBlock(spectral, channels, hidden, last=last)

        levels = range(len(widths) - 1)
        self.down_blocks = nn.ModuleList(block(level) for level in levels)
        self.down = nn.ModuleList(nn.Linear(widths[i], widths[i + 1]) for i in levels)
        self.lowest = block(len(levels))
        self.up = nn.ModuleList(nn.Linear(widths[i + 1], widths[i], bias=False) for i in levels)
        self.skips = nn.ModuleList(nn.Linear(widths[i], widths[i]) for i in levels)
        self.up_blocks = nn.ModuleList(block(level, last=level == 0) for level in levels)

    def mix(self, x: Tensor) -> Tensor:
        finest, passed = x.shape[1:-1], []
        for block, down, modes, fraction in zip(
            self.down_blocks, self.down, self.modes, self.fractions[1:], strict=True
        ):
            x = block(x)
            passed.append(x)
            # resampling and pointwise maps commute: each pair is in the order that touches fewer numbers
            x = down(resample(x, self.coarse_sizes(finest, fraction), self.grid, modes))
        x = self.lowest(x)
        ascent = zip(self.up_blocks, self.up, self.skips, self.modes, passed, strict=True)
        for block, up, skip, modes, y in reversed([*ascent]):
            x = block(resample(up(x), y.shape[1:-1], self.grid, modes) + skip(y))
        return x

    def coarse_sizes(self, sizes: Sequence[int], fraction: float) -> list[int]:
        """Points of each axis on a level that holds the given fraction of them; ends of vertex axes stay."""
        return [
            n - period(n, convention) + scaled(period(n, convention), fraction)
            for n, convention in zip(sizes, self.grid, strict=True)
        ]


def scaled(n: int, fraction: float) -> int:
    """``fraction`` of n, rounded up; the more points, the more of them, so that modes fit on every level if they fit on one."""
    return math.ceil(n * fraction - 1e-9)  # 0.1 of 30 is 3, not 4


@full_precision
def resample(x: Tensor, sizes: Sequence[int], grid: Sequence[str], modes: Sequence[int]) -> Tensor:
    """The field (batch, *grid, channels) on other numbers of points of the same conventions, by trigonometric interpolation.

    Kept on each axis are the wavenumbers below half of ``modes``, as far as both grids hold them. Vertex axes are folded as in
    `SpectralConv`: both ends take their mean.
    """
    for dim, (m, convention, limit) in enumerate(zip(sizes, grid, modes, strict=True), start=1):
        x = _resample_axis(x, dim, m, convention, limit)
    return x


def _resample_axis(x: Tensor, dim: int, m: int, convention: str, modes: int) -> Tensor:
    n = x.shape[dim]
    if convention == "vertices":
        ends = (x.narrow(dim, 0, 1) + x.narrow(dim, n - 1, 1)) / 2
        x = torch.cat([ends, x.narrow(dim, 1, n - 2)], dim)
    old, new = period(n, convention), period(m, convention)
    kept = (min(old, new, modes) + 1) // 2
    z = torch.fft.rfft(x, dim=dim, norm="forward").narrow(dim, 0, kept)
    if convention == "centres":  # the first point is half a cell from the wall, on both grids
        k = torch.arange(kept, dtype=torch.float64, device=x.device)
        angle = math.pi * k * (1 / new - 1 / old)
        turn = torch.polar(torch.ones_like(angle), angle).to(z.dtype)
        z = z * turn.view(-1, *[1] * (x.ndim - 1 - dim))
    y = torch.fft.irfft(z, n=new, dim=dim, norm="forward")
    return torch.cat([y, y.narrow(dim, 0, 1)], dim) if convention == "vertices" else y
