"""The compiled kernels of the operators, for fields whose channels lie next to each other."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import torch
from torch import Tensor

from pdes import native

_VECTOR = 64 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 32
"""Bytes of the vectors that rows of channels are filled up to: those of the processor's registers."""


def available(x: Tensor) -> bool:
    """Whether the kernels take this tensor."""
    return native.readable(x) and _library(x.dtype) is not None


def padded(channels: int, dtype: torch.dtype) -> int:
    """Numbers that so many channels take up in whole vectors."""
    lanes = _VECTOR // dtype.itemsize
    return -(-channels // lanes) * lanes


def call(name: str, dtype: torch.dtype, arguments: Sequence[int | Tensor | None]) -> None:
    """Call a kernel with numbers and the addresses of tensors; None is the null pointer."""
    library = _library(dtype)
    assert library is not None
    numbers = [_number(argument) for argument in arguments]
    getattr(library, name)((ctypes.c_int64 * len(numbers))(*numbers))


def _number(argument: int | Tensor | None) -> int:
    if isinstance(argument, Tensor):
        return argument.data_ptr()
    return 0 if argument is None else argument


@cache
def _library(dtype: torch.dtype) -> ctypes.CDLL | None:
    names = ("channels.h", "truncated_dft.cpp", "mixing.cpp", "pointwise.cpp", "fourier_block.cpp")
    code = "\n".join(files("operators").joinpath(name).read_text(encoding="utf-8") for name in names)
    return native.load_kernel(code, dtype, "lanes.h", vector_bytes=_VECTOR)
