"""The Gram matrix of gradients."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.resources import files
from typing import Any

import torch
from torch import Tensor

from pdes import native

_CHUNK = 32768
"""Columns at a time where torch multiplies: a few gradients of this length stay in the cache in float64."""

_PER_THREAD = 65536
"""Columns that are worth one more thread of the kernel."""


def gram_matrix(gradients: Tensor) -> Tensor:
    """G Gᵀ of the rows of G (m, P), summed in float64 whatever the dtype of G.

    The cosine of two almost parallel gradients needs it: summed in float32, an entry is wrong by 1e-5 at P = 1e6.
    """
    m = len(gradients)
    kernel = _kernel(gradients.dtype) if native.readable(gradients) else None
    if kernel is not None:
        rows = gradients if gradients.stride(1) == 1 else gradients.contiguous()
        gram = torch.empty(m, m, dtype=torch.float64)
        threads = min(torch.get_num_threads(), 1 + rows.shape[1] // _PER_THREAD)
        kernel(rows.data_ptr(), m, rows.shape[1], rows.stride(0), gram.data_ptr(), threads)
        return gram
    gram = torch.zeros(m, m, dtype=torch.float64, device=gradients.device)
    for chunk in gradients.split(_CHUNK, dim=1):
        exact = chunk.to(torch.float64)
        gram.addmm_(exact, exact.T)
    return gram


@cache
def _kernel(dtype: torch.dtype) -> Any:
    """The compiled function; None where there is none."""
    code = files("sciml.optim").joinpath("gram.cpp").read_text(encoding="utf-8")
    library = native.load(f"using T = {native.C_TYPES[dtype]};\n{code}")
    if library is None:
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.gram.argtypes = pointer, number, number, number, pointer, number
    return library.gram
