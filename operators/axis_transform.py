"""The expansion of fields along one axis, and the sum that undoes it, in the fastest of three ways.

An FFT costs about the same for few modes as for all, and several times more where the number of points has large prime factors.
A product costs in proportion to the modes: that of the compiled kernel (`operators.truncated_dft`), which makes use of the symmetries
of sines and cosines, about half of one with a matrix.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from operators import kernels, truncated_dft
from operators.bases import Expansion, analysis, period, synthesis
from operators.resample import along_axis
from operators.truncated_dft import Axes

_WITH_MATRIX = 2
"""What a product with a matrix costs, relative to the kernel's."""


def products_are_faster(modes: int, points: int, cost: int = 1) -> bool:
    """Whether a CPU is faster by products than by an FFT of so many points, ``cost`` as of `_WITH_MATRIX`.

    A rule and no measurement in each run, so that results are the same in every run; it is held against measurements in
    tests/benchmarks/test_axis_transform.py.
    """
    modes *= cost
    awkward = next_fast_len(points) > points  # a prime factor above 11
    return modes <= 64 or (modes <= 256 and (2 * modes <= points or awkward))


def analyse(x: Tensor, dim: int, expansion: Expansion, convention: str) -> Tensor:
    """Coefficients of fields along one axis of (batch, *grid, channels), which may have been expanded along others.

    On a periodic axis they are those of the points counted from the first, wherever that lies.
    """
    n, m = x.shape[dim], expansion.modes
    distinct = period(n, convention)
    if _takes_matrix(x, expansion, distinct):
        return along_axis(x, _matrix(analysis, x, expansion, n, convention), dim)
    if _takes_tables(x, expansion, distinct):
        lines = x.reshape(-1, n, *x.shape[dim + 1 :])
        z = truncated_dft.transform(lines.flatten(2), _one_axis(n, distinct, m))
        return z.view(*x.shape[:dim], -1, *x.shape[dim + 1 :])
    if convention == "vertices":
        ends = (x.narrow(dim, 0, 1) + x.narrow(dim, n - 1, 1)) / 2
        x = torch.cat([ends, x.narrow(dim, 1, n - 2)], dim)
    if expansion.half:
        return torch.fft.rfft(x, dim=dim, norm="forward").narrow(dim, 0, m // 2 + 1)
    x = torch.fft.fft(x, dim=dim, norm="forward")
    low, _, negative = x.split([m - m // 2, distinct - m, m // 2], dim)
    return torch.cat([low, negative], dim)


def synthesise(z: Tensor, dim: int, expansion: Expansion, n: int, convention: str, shift: int = 0) -> Tensor:
    """The fields at the n points of an axis with the given coefficients along it, each wavenumber lowered by ``shift``.

    On the axis where coefficients stand for their conjugates too (``half``), the last Fourier axis to come, the result is real.
    """
    m = expansion.modes
    distinct = period(n, convention)
    if _takes_matrix(z, expansion, distinct) and not shift:
        y = along_axis(z, _matrix(synthesis, z, expansion, n, convention), dim)
        return y.real if expansion.half else y
    if _takes_tables(z, expansion, distinct):
        lines = z.reshape(-1, z.shape[dim], *z.shape[dim + 1 :])
        x = truncated_dft.inverse(lines.flatten(2), _one_axis(n, distinct, m))
        return x.view(*z.shape[:dim], n, *z.shape[dim + 1 :])
    if expansion.half:
        z = torch.fft.irfft(z, n=distinct, dim=dim, norm="forward")
    else:
        gap = z.new_zeros([*z.shape[:dim], distinct - m, *z.shape[dim + 1 :]])
        low, negative = z.split([m - m // 2, m // 2], dim)
        z = torch.cat([low, gap, negative], dim)
        z = torch.fft.ifft(z.roll(-shift, dim) if shift else z, dim=dim, norm="forward")
    return torch.cat([z, z.narrow(dim, 0, 1)], dim) if convention == "vertices" else z


def _takes_matrix(x: Tensor, expansion: Expansion, points: int) -> bool:
    if not expansion.periodic:
        return True
    on_cpu = x.device.type == "cpu"
    return on_cpu and not expansion.half and products_are_faster(expansion.modes, points, _WITH_MATRIX)


def _takes_tables(x: Tensor, expansion: Expansion, points: int) -> bool:
    real = x.real if x.is_complex() else x
    return expansion.half and products_are_faster(expansion.modes, points) and kernels.available(real)


def _one_axis(n: int, distinct: int, modes: int) -> Axes:
    return Axes((n,), (distinct,), (modes,), (0,))


def _matrix(
    kind: Callable[..., Tensor], like: Tensor, expansion: Expansion, n: int, convention: str
) -> Tensor:
    if expansion.periodic and convention == "centres":
        convention = "half-open"  # the points counted from the first
    return kind(expansion, n, convention, like.dtype.to_real(), like.device)
