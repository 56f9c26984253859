"""Expansions along one axis, v(s) ≈ Σₖ v̂ₖ φₖ(s): a basis at the points of a grid, and a field's coefficients in it.

    fourier   exp(2πiks / (1 + p))              with a period of 1 + p axis lengths
    sine      √2 sin(πks), k = 1 ... m          odd around both walls, where it vanishes
    cosine    1, √2 cos(πks), k = 1 ... m - 1   even around both walls, where its slope vanishes

    v̂ₖ = ∫ v φₖ* ds / (1 + p)                   by the rule of the grid

Sines and cosines are the transforms DST-I and DCT-I on vertices, DST-II and DCT-II on centres. With p > 0 the integral is that of v
continued by zeros: padding of a length that is the same at every resolution, and takes no points. All is in units of the axis, so the
coefficients of a smooth function agree between resolutions, to the order of the rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from operators.axes import integration_weights, per_axis
from operators.operator import unit_points

BASES = ("fourier", "sine", "cosine")


class Expansion(NamedTuple):
    """The basis of one axis.

    Attributes
    ----------
    basis : one of `BASES`
    modes : their number m; of "fourier" the wavenumbers -⌊m/2⌋ ... ⌈m/2⌉-1
    padding : p, by how much the period exceeds the axis, relative to its length
    half : of "fourier" the wavenumbers 0 ... ⌊m/2⌋, each of which stands for its conjugate too
    """

    basis: str
    modes: int
    padding: float = 0.0
    half: bool = False

    @property
    def periodic(self) -> bool:
        """Whether the functions have the period of the axis."""
        return self.basis == "fourier" and not self.padding

    def wavenumbers(self) -> list[int]:
        """k of each function."""
        m = self.modes
        if self.basis == "fourier":
            return [*range(m // 2 + 1)] if self.half else [*range(m - m // 2), *range(-(m // 2), 0)]
        return [*range(1, m + 1)] if self.basis == "sine" else [*range(m)]

    def up_to(self, reach: int) -> Expansion:
        """The same without wavenumbers beyond ``reach``."""
        fewer = {"fourier": 2 * reach + 1, "sine": reach, "cosine": reach + 1}
        return self._replace(modes=min(self.modes, fewer[self.basis]))

    def functions(self, s: Tensor) -> Tensor:
        """The functions at the points s, (points, functions)."""
        k = torch.tensor(self.wavenumbers(), dtype=s.dtype, device=s.device)
        if self.basis == "fourier":
            angle = 2 * math.pi / (1 + self.padding) * torch.outer(s, k)
            return torch.polar(torch.ones_like(angle), angle)
        angle = math.pi * torch.outer(s, k)
        norm = (1 + (k > 0).to(s)).sqrt()
        return norm * (angle.sin() if self.basis == "sine" else angle.cos())


@cache
def analysis(
    expansion: Expansion, n: int, convention: str, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Matrix (functions, n) that takes values at the points of a grid to coefficients; ``dtype`` is the type of real values."""
    with torch.inference_mode(False):  # as it is kept for calls with gradients
        walls = convention == "half-open" and not expansion.periodic
        s = unit_points(n + 1, "vertices") if walls else unit_points(n, convention)
        weights = integration_weights([s], ["vertices" if walls else convention])
        matrix = expansion.functions(s).mH * weights / (1 + expansion.padding)
        if walls:  # the points lack the far wall, whose value is extrapolated
            matrix, last = matrix[:, :-1], matrix[:, -1]
            matrix[:, -1] += 2 * last
            matrix[:, -2] -= last
        return _cast(matrix, dtype, device)


@cache
def synthesis(
    expansion: Expansion, n: int, convention: str, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Matrix (n, functions) that takes coefficients to values; with ``half``, to those whose real part is the field."""
    with torch.inference_mode(False):
        phi = expansion.functions(unit_points(n, convention))
        if expansion.half:
            points_a_period = (1 + expansion.padding) * period(n, convention)
            paired = [k > 0 and 2 * k != points_a_period for k in expansion.wavenumbers()]
            phi = phi * torch.tensor([2.0 if pair else 1.0 for pair in paired], dtype=torch.float64)
        return _cast(phi, dtype, device)


def expansions(
    modes: Sequence[int], basis: Sequence[str] | str, padding: Sequence[float] | float
) -> tuple[Expansion, ...]:
    """The basis of each axis.

    Raises ValueError for an unknown one, and for a padding that is negative, or not zero where the basis is not "fourier".
    """
    names, paddings = per_axis(basis, len(modes), "basis"), per_axis(padding, len(modes), "padding")
    last = max((i for i, name in enumerate(names) if name == "fourier"), default=None)
    found = []
    for axis, (name, m, p) in enumerate(zip(names, modes, paddings, strict=True)):
        if name not in BASES:
            raise ValueError(
                f"basis of axis {axis}: unknown basis {name!r}; choose one of {', '.join(BASES)}"
            )
        if p < 0 or (p and name != "fourier"):
            raise ValueError(
                f"padding of axis {axis} is {p}; give a fraction of the axis that is not negative, and only where the basis is fourier"
            )
        found.append(Expansion(name, m, float(p), half=axis == last))
    return tuple(found)


def period(n: int, convention: str) -> int:
    """Number of distinct points in one period of an axis with n points."""
    return n - 1 if convention == "vertices" else n


def most_modes(n: int, convention: str, basis: str) -> int:
    """How many functions of a basis n points tell apart."""
    # of as many sines as there are points, the last is the first upside down, or vanishes at all of them
    return period(n, convention) - (basis == "sine")


def _cast(matrix: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    return matrix.to(dtype=dtype.to_complex() if matrix.is_complex() else dtype, device=device)
