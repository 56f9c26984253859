"""The truncated Fourier transform on a CPU: products with tables by a compiled kernel, in place of FFTs."""

from __future__ import annotations

import ctypes
import math
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pdes import native

_LANES = {torch.float32: 8, torch.float64: 4}


class Axes(NamedTuple):
    """The grid axes of a transform.

    Attributes
    ----------
    points, periods : of each axis; one more point than a period on vertices
    modes : kept on each axis, as `SpectralConv` counts them
    """

    points: tuple[int, ...]
    periods: tuple[int, ...]
    modes: tuple[int, ...]

    @property
    def kept(self) -> tuple[int, ...]:
        return *self.modes[:-1], self.modes[-1] // 2 + 1


def available(x: Tensor) -> bool:
    """Whether the kernel takes this tensor."""
    return native.readable(x) and _library(x.dtype) is not None


class Rule(NamedTuple):
    """One of the linear maps that the kernel is.

    Attributes
    ----------
    analyse : from fields (c, b, *points) to coefficients (modes, b, c), or back
    normalised : divide by the number of points
    paired : count a coefficient on the last axis twice where it stands for its conjugate too
    ends : what the two ends of vertices count, in halves
    """

    analyse: bool
    normalised: bool
    paired: bool
    ends: int

    @property
    def adjoint(self) -> Rule:
        return self._replace(analyse=not self.analyse)


TRANSFORM = Rule(analyse=True, normalised=True, paired=False, ends=1)
INVERSE = Rule(analyse=False, normalised=False, paired=True, ends=2)


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, axes: Axes, rule: Rule) -> Tensor:
        ctx.axes, ctx.rule = axes, rule
        return (analyse if rule.analyse else synthesise)(x, axes, rule)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return _Products.apply(grad, ctx.axes, ctx.rule.adjoint), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        return _Products.apply(tangent, ctx.axes, ctx.rule)


def transform(x: Tensor, axes: Axes) -> Tensor:
    """Fourier coefficients of fields (c, b, *points), as (modes, b, c): v̂_k = (1/n) Σ_j v_j exp(-2πi k·j/n).

    On vertices the two ends count half each.
    """
    return _Products.apply(x, axes, TRANSFORM)


def inverse(z: Tensor, axes: Axes) -> Tensor:
    """The real fields (c, b, *points) with coefficients (modes, b, c), of which each stands for its conjugate too."""
    return _Products.apply(z, axes, INVERSE)


def analyse(x: Tensor, axes: Axes, rule: Rule) -> Tensor:
    """From fields (c, b, *points) to coefficients (modes, b, c), without a graph."""
    x = x.contiguous()
    channels, batch = x.shape[:2]
    z = torch.empty(math.prod(axes.kept), batch, channels, dtype=x.dtype.to_complex())
    _call(x, z, axes, rule)
    return z


def synthesise(z: Tensor, axes: Axes, rule: Rule, *, add_to: Tensor | None = None) -> Tensor:
    """From coefficients (modes, b, c) to fields (c, b, *points), new ones or added to others in place; without a graph."""
    z = z.resolve_conj()
    x = add_to
    if x is None:
        x = torch.empty(z.shape[2], z.shape[1], *axes.points, dtype=z.dtype.to_real())
    _call(x, z, axes, rule, adds=add_to is not None)
    return x


def _call(x: Tensor, z: Tensor, axes: Axes, rule: Rule, *, adds: bool = False) -> None:
    library = _library(x.dtype)
    assert library is not None
    tables = _tables(axes, rule, x.dtype)
    mode, b, c = z.stride()
    channels, batch = x.shape[:2]
    numbers = [x.data_ptr(), z.data_ptr(), channels * batch, batch, mode, c, b, rule.ends, adds]
    numbers += [torch.get_num_threads(), len(axes.points)]
    for points, period, kept, (cosine, sine) in zip(*axes[:2], axes.kept, tables, strict=True):
        numbers += [points, period, kept, cosine.data_ptr(), sine.data_ptr()]
    kernel = library.analyse if rule.analyse else library.synthesise
    kernel((ctypes.c_int64 * len(numbers))(*numbers))


@cache
def _tables(axes: Axes, rule: Rule, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Cosines and sines of each axis, as truncated_dft.cpp reads them."""
    tables = []
    for axis, (period, modes) in enumerate(zip(axes.periods, axes.modes, strict=True)):
        last = axis == len(axes.modes) - 1
        j, k = np.arange(period // 2 + 1), np.arange(modes // 2 + 1)
        # the phase by whole numbers, so that large products lose no digits
        angle = 2 * math.pi / period * (np.outer(j, k) % period)
        weight = np.full(len(k), 1 / period if rule.normalised else 1.0)
        if last and rule.paired:
            weight[(k > 0) & (2 * k != period)] *= 2
        cosine, sine = weight * np.cos(angle), weight * np.sin(angle)
        if last:
            # real fields have coefficients re - i im of these
            sine = -sine
        # a row belongs to what is summed over on the last axis, and to what comes out on the others
        by_points = rule.analyse == last
        both = [table if by_points else table.T for table in (cosine, sine)]
        if last:
            lanes = _LANES[dtype]
            both = [np.pad(table, ((0, 0), (0, -table.shape[1] % lanes))) for table in both]
        first, second = (torch.from_numpy(np.ascontiguousarray(table)).to(dtype) for table in both)
        tables.append((first, second))
    return tables


@cache
def _library(dtype: torch.dtype) -> ctypes.CDLL | None:
    code = files("operators").joinpath("truncated_dft.cpp").read_text(encoding="utf-8")
    return native.load(f"using T = {native.C_TYPES[dtype]};\n{code}")
