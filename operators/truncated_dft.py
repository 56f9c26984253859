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
    x = x.contiguous()
    z = x.new_empty(*x.shape[:-2], axes.kept[-1], 2, kernels.padded(x.shape[-1], x.dtype))
    _last("analyse_last", x, z, axes, rule, adds=False)
    return analyse_others(z, axes, rule)


def analyse_others(z: Tensor, axes: Axes, rule: Rule) -> Tensor:
    """The part of `analyse` that is left after the last axis, from (batch, *points but the last, kept, 2, channels)."""
    for axis in reversed(range(len(axes.points) - 1)):
        out = z.new_empty(*z.shape[: axis + 1], axes.kept[axis], *z.shape[axis + 2 :])
        _other("analyse_other", z, out, axis, axes, rule)
        z = out
    return z


def synthesise(z: Tensor, axes: Axes, rule: Rule, channels: int, *, add_to: Tensor | None = None) -> Tensor:
    """From coefficients to fields (batch, *points, channels), new ones or added to others in place; without a graph."""
    z = synthesise_others(z, axes, rule)
    x = add_to if add_to is not None else z.new_empty(*z.shape[:-3], axes.points[-1], channels)
    _last("synthesise_last", x, z, axes, rule, adds=add_to is not None)
    return x


def synthesise_others(z: Tensor, axes: Axes, rule: Rule) -> Tensor:
    """The part of `synthesise` that precedes the last axis, to (batch, *points but the last, kept, 2, channels)."""
    z = z.contiguous()
    for axis in range(len(axes.points) - 1):
        out = z.new_empty(*z.shape[: axis + 1], axes.points[axis], *z.shape[axis + 2 :])
        _other("synthesise_other", out, z, axis, axes, rule)
        z = out
    return z


def _last(name: str, x: Tensor, z: Tensor, axes: Axes, rule: Rule, *, adds: bool) -> None:
    lines, channels = math.prod(x.shape[:-2]), x.shape[-1]
    last = numbers_of_axis(axes, -1, rule, x.dtype)
    kernels.call(name, x.dtype, [x, z, lines, channels, adds, torch.get_num_threads(), *last])


def _other(name: str, points: Tensor, modes: Tensor, axis: int, axes: Axes, rule: Rule) -> None:
    dtype = points.dtype
    sizes = math.prod(points.shape[: axis + 1]), math.prod(points.shape[axis + 2 : -2])
    vectors = points.shape[-1] // kernels.padded(1, dtype)
    numbers = numbers_of_axis(axes, axis, rule, dtype)
    kernels.call(name, dtype, [points, modes, *sizes, vectors, torch.get_num_threads(), *numbers])


def numbers_of_axis(axes: Axes, axis: int, rule: Rule, dtype: torch.dtype) -> list[int | Tensor]:
    """One axis as truncated_dft.cpp reads it."""
    shift = axes.shifts[axis] if rule.inverse else 0
    period, modes = axes.periods[axis], axes.modes[axis]
    last = axis in (-1, len(axes.points) - 1)
    tables = _tables(period, modes, shift, last, rule, dtype)
    return [axes.points[axis], period, axes.kept[axis], shift, 2 if rule.inverse else 1, *tables]


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
