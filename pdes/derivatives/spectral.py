"""Derivatives of periodic fields in Fourier space: exact for band-limited fields."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def wavenumbers(n: int, length: float, *, real: bool, like: Tensor) -> Tensor:
    """Angular wavenumbers k = 2 pi m / length of an axis of ``n`` points, in the order of torch.fft.

    ``real`` gives the n // 2 + 1 non-negative ones of rfft. dtype and device are those of ``like`` (its real type).
    """
    frequencies = torch.fft.rfftfreq if real else torch.fft.fftfreq
    dtype = torch.zeros(0, dtype=like.dtype).abs().dtype
    return 2 * math.pi / length * frequencies(n, d=1 / n, dtype=dtype, device=like.device)


def spectral_derivative(field: Tensor, dim: int, order: int, length: float) -> Tensor:
    """d^order f / dx^order along ``dim`` of a real field with period ``length``: F^-1[(ik)^order F f].

    The Nyquist mode of an even number of points has no odd derivative on the grid and is dropped there.
    """
    n = field.shape[dim]
    k = wavenumbers(n, length, real=True, like=field)
    symbol = (1j * k) ** order
    if order % 2 and n % 2 == 0:
        symbol[-1] = 0
    shape = [1] * field.dim()
    shape[dim] = -1
    spectrum = torch.fft.rfft(field, dim=dim) * symbol.reshape(shape)
    return torch.fft.irfft(spectrum, n=n, dim=dim)
