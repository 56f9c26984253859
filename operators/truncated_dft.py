"""The truncated Fourier transform on a CPU: products with tables by a compiled kernel, in place of FFTs.

Coefficients are real tensors (batch, *kept modes, 2, channels), real parts before imaginary ones, with zeros behind the last channel
up to a whole number of vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from operators import kernels


class Axes(NamedTuple):
    """The grid axes of a transform.

    Attributes
    ----------
    points, periods : of each axis; one more point than a period on vertices
    modes : kept on each axis, as `SpectralConv` counts them
    shifts : by how much the inverse lowers the wavenumbers of each axis, 0 or 1; 0 on the last one
    """

    points: tuple[int, ...]
    periods: tuple[int, ...]
    modes: tuple[int, ...]
    shifts: tuple[int, ...]

    @property
    def kept(self) -> tuple[int, ...]:
        return *self.modes[:-1], self.modes[-1] // 2 + 1


class Rule(NamedTuple):
    """One of the linear maps that the kernel is.

    Attributes
    ----------
    analyse : from fields to coefficients, or back
    inverse : with the weights of the inverse transform: a coefficient on the last axis counts twice where it stands for its conjugate
        too, and both ends of vertices have the full value. Those of the transform are one over the number of points, and a half at the ends.
    """

    analyse: bool
    inverse: bool

    @property
    def adjoint(self) -> Rule:
        return self._replace(analyse=not self.analyse)


TRANSFORM = Rule(analyse=True, inverse=False)
INVERSE = Rule(analyse=False, inverse=True)


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, axes: Axes, rule: Rule, channels: int) -> Tensor:
        ctx.others = axes, rule, channels
        return analyse(x, axes, rule) if rule.analyse else synthesise(x, axes, rule, channels)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        axes, rule, channels = ctx.others
        return _Products.apply(grad, axes, rule.adjoint, channels), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        return _Products.apply(tangent, *ctx.others)


def transform(x: Tensor, axes: Axes) -> Tensor:
    """Fourier coefficients of fields (batch, *points, channels), complex (batch, *kept, channels).

    v̂_k = (1/n) Σ_j v_j exp(-2πi k·j/n); on vertices the two ends count half each.
    """
    channels = x.shape[-1]
    re, im = _Products.apply(x, axes, TRANSFORM, channels)[..., :channels].unbind(-2)
    return torch.complex(re, im)


def inverse(z: Tensor, axes: Axes) -> Tensor:
    """The real fields (batch, *points, channels) of complex coefficients, each of which stands for its conjugate too."""
    parts = torch.stack([z.real, z.imag], -2)
    behind = kernels.padded(z.shape[-1], parts.dtype) - z.shape[-1]
    return _Products.apply(F.pad(parts, (0, behind)), axes, INVERSE, z.shape[-1])


def analyse(x: Tensor, axes: Axes, rule: Rule) -> Tensor:
    """From fields (batch, *points, channels) to coefficients, without a graph."""
    z = x.new_empty(coefficients(axes, len(x), x.shape[-1], x.dtype))
    _run("analyse_field", x.contiguous(), z, axes, rule)
    return z


def synthesise(z: Tensor, axes: Axes, rule: Rule, channels: int) -> Tensor:
    """From coefficients to fields (batch, *points, channels), without a graph."""
    x = z.new_empty(len(z), *axes.points, channels)
    _run("synthesise_field", x, z.contiguous(), axes, rule)
    return x


def _run(name: str, x: Tensor, z: Tensor, axes: Axes, rule: Rule) -> None:
    batch, channels = len(x), x.shape[-1]
    scratch = x.new_empty(scratch_size(axes, batch, channels, x.dtype))
    sizes = batch, channels, torch.get_num_threads(), len(axes.points)
    kernels.call(name, x.dtype, [x, z, scratch, *sizes, *numbers_of(axes, rule, x.dtype)])


def coefficients(axes: Axes, batch: int, channels: int, dtype: torch.dtype) -> tuple[int, ...]:
    """Shape of the coefficients of so many fields."""
    return batch, *axes.kept, 2, kernels.padded(channels, dtype)


def scratch_size(axes: Axes, batch: int, channels: int, dtype: torch.dtype) -> int:
    """Numbers that a transform, or an inverse, takes beside its operands: two stages between the first axis and the last."""
    stages = [
        math.prod([batch, *axes.points[:axis], *axes.kept[axis:], 2, kernels.padded(channels, dtype)])
        for axis in range(1, len(axes.points))
    ]
    return sum(stages[-2:])


@cache
def numbers_of(axes: Axes, rule: Rule, dtype: torch.dtype) -> tuple[int, ...]:
    """All axes as truncated_dft.cpp reads them, with the addresses of tables that are never freed."""
    numbers: list[int] = []
    for axis, (points, period, modes, shift) in enumerate(zip(*axes, strict=True)):
        shift, last = shift if rule.inverse else 0, axis == len(axes.points) - 1
        tables = _tables(period, modes, shift, last, rule, dtype)
        ends = 2 if rule.inverse else 1
        numbers += [points, period, axes.kept[axis], shift, ends, *(table.data_ptr() for table in tables)]
    return tuple(numbers)


@cache
def _tables(
    period: int, modes: int, shift: int, last: bool, rule: Rule, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cosines and sines in the order in which truncated_dft.cpp multiplies with them, a row for each number that comes out."""
    half, k = period // 2 + 1, np.arange(modes // 2 + 1 + shift)
    weight = np.full(len(k), 1.0 if rule.inverse else 1 / period)
    if last and rule.inverse:
        weight[(k > 0) & (2 * k != period)] *= 2

    def table(function: Callable[[np.ndarray], np.ndarray], *parts: tuple[np.ndarray, np.ndarray]) -> Tensor:
        # the phase by whole numbers, so that large products lose no digits
        values = [weight[q] * function(2 * math.pi / period * (np.outer(j, k[q]) % period)) for j, q in parts]
        rows = [(v.T if rule.analyse else v).ravel() for v in values]
        return torch.from_numpy(np.concatenate(rows)).to(dtype)

    def sine(angle: np.ndarray) -> np.ndarray:
        return np.sin(angle) * (
            -1 if last else 1
        )  # there coefficients are re - i im of what the products give

    if period % 2:
        everything = np.arange(half), k
        return table(np.cos, everything), table(sine, everything)
    # rows j up to the quarter hold what is shared with p/2 - j, the rows behind them, backwards, what differs in sign
    head, tail = np.arange(period // 4 + 1), np.arange(half - period // 4 - 1)[::-1]
    even, odd = k[0::2], k[1::2]
    return table(np.cos, (head, even), (tail, odd)), table(sine, (head, odd), (tail, even))
