"""The U-shaped neural operator: Fourier layers on grids that get coarser and finer again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from operators.bases import Expansion, analysis, most_modes, period, synthesis
from operators.fno import FourierBlock, SpectralOperator
from operators.mixed_precision import full_precision
from operators.resample import along_axes
from operators.spectral import SpectralConv


class UNO(SpectralOperator):
    """U-shaped neural operator: Fourier blocks on ever coarser grids with ever more channels, and back with skips.

    Level 0 is the grid of the input; level l ≥ 1 has the fraction fₗ of its points and modes on each axis, and
    width / fₗ channels. On the way down xₗ₊₁ = A R bₗ, bₗ = block(xₗ), and on the way up yₗ = block(R B yₗ₊₁ + C bₗ), with
    R the spectral resampling and A, B, C pointwise linear maps. Between levels pass the modes of the finer one alone:
    were they all that the grids hold, a finer input would show the coarse levels what they were not trained on.

    Parameters
    ----------
    fractions
        Points of the levels below relative to the input's, decreasing, between 0 and 1.
    first, others
        Arguments of `SpectralOperator`; ``modes`` and ``width`` are those of level 0.

    Raises
    ------
    ValueError
        For fractions out of order or bounds, and where `SpectralOperator` raises it.

    Source: M. A. Rahman, Z. E. Ross, K. Azizzadenesheli, U-NO: U-shaped neural operators, TMLR 2023. There the integral
    layers themselves map between grids; here they are the blocks of `FNO`, and resampling is a step of its own.
    """

    def __init__(self, *first: Any, fractions: Sequence[float] = (0.5, 0.25), **others: Any) -> None:
        super().__init__(*first, **others)
        self.fractions = (1.0, *map(float, fractions))
        if not fractions or any(not 0 < b < a for a, b in itertools.pairwise(self.fractions)):
            raise ValueError(
                f"fractions is {list(fractions)}; give numbers that decrease from below 1 to above 0, such as [0.5, 0.25]"
            )
        widths = [round(self.width / f) for f in self.fractions]
        kept = [[scaled(m, f) for m in self.modes] for f in self.fractions]

        def block(level: int, last: bool = False) -> FourierBlock:
            channels = widths[level]
            spectral = SpectralConv(channels, channels, kept[level], **self.axes)
            return FourierBlock(spectral, channels, self.hidden(channels), last=last)

        levels = range(len(widths) - 1)
        self.down_blocks = nn.ModuleList(block(level) for level in levels)
        self.down = nn.ModuleList(nn.Linear(widths[i], widths[i + 1]) for i in levels)
        self.lowest = block(len(levels))
        self.up = nn.ModuleList(nn.Linear(widths[i + 1], widths[i], bias=False) for i in levels)
        self.skips = nn.ModuleList(nn.Linear(widths[i], widths[i]) for i in levels)
        self.up_blocks = nn.ModuleList(block(level, last=level == 0) for level in levels)

    def mix(self, x: Tensor) -> Tensor:
        finest, passed = x.shape[1:-1], []
        for block, down, fraction in zip(self.down_blocks, self.down, self.fractions[1:], strict=True):
            assert isinstance(block, FourierBlock)
            x = block(x)
            passed.append((block.spectral.expansions, x))
            # resampling and pointwise maps commute: each pair is in the order that touches fewer numbers
            coarse = self.coarse_sizes(finest, fraction)
            x = down(resample(x, coarse, self.grid, block.spectral.expansions))
        x = self.lowest(x)
        ascent = zip(self.up_blocks, self.up, self.skips, passed, strict=True)
        for block, up, skip, (expansions, y) in reversed([*ascent]):
            x = block(resample(up(x), y.shape[1:-1], self.grid, expansions) + skip(y))
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
def resample(x: Tensor, sizes: Sequence[int], grid: Sequence[str], expansions: Sequence[Expansion]) -> Tensor:
    """The field (batch, *grid, channels) on other numbers of points of the same conventions, by its expansion on each axis.

    Kept are as many functions as the ``expansions`` have and both grids hold; of waves, those whose conjugates are kept too.
    Between walls these are cosines, as the fields between layers do not vanish there.
    """
    there, back = [], []
    for n, m, convention, expansion in zip(x.shape[1:-1], sizes, grid, expansions, strict=True):
        basis = "fourier" if expansion.periodic else "cosine"
        kept = min(expansion.modes, *(most_modes(points, convention, basis) for points in (n, m)))
        # with an odd number of waves, one for each sign of the wavenumber
        shared = Expansion(
            basis, (kept - 1) // 2 * 2 + 1 if expansion.periodic else kept, half=expansion.periodic
        )
        to, fro = (
            kind(shared, points, convention, x.dtype, x.device)
            for kind, points in ((analysis, n), (synthesis, m))
        )
        # Re(fro (to x)) in real numbers
        there.append(torch.cat([to.real, to.imag]) if to.is_complex() else to)
        back.append(torch.cat([fro.real, -fro.imag], 1) if fro.is_complex() else fro)
    return along_axes(along_axes(x, there), back)
