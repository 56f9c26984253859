"""The Gram matrix of gradients."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.resources import files

import torch
from torch import Tensor

from pdes import native

_CHUNK = 32768
"""Columns at a time where torch multiplies: a few gradients of this length stay in the cache in float64."""


def gram_matrix(gradients: Tensor) -> Tensor:
    """G Gᵀ of the rows of G (m, P), summed in float64 whatever the dtype of G.

    The cosine of two almost parallel gradients needs it: summed in float32, an entry is wrong by 1e-5 at P = 1e6.
    """
    m = len(gradients)
    kernel = _kernel(gradients.dtype) if gradients.device.type == "cpu" else None
    if kernel is not None:
        rows = gradients if gradients.stride(1) == 1 else gradients.contiguous()
        gram = torch.empty(m, m, dtype=torch.float64)
        sizes = (ctypes.c_int64(n) for n in (m, rows.shape[1], rows.stride(0)))
        threads = ctypes.c_int64(torch.get_num_threads())
        kernel(ctypes.c_void_p(rows.data_ptr()), *sizes, ctypes.c_void_p(gram.data_ptr()), threads)
        return gram
    gram = torch.zeros(m, m, dtype=torch.float64, device=gradients.device)
    for chunk in gradients.split(_CHUNK, dim=1):
        exact = chunk.to(torch.float64)
        gram.addmm_(exact, exact.T)
    return gram


@cache
def _kernel(dtype: torch.dtype) -> ctypes._CFuncPtr | None:  # type: ignore[name-defined]
    if dtype not in native.C_TYPES:
        return None
    code = files("sciml.optim").joinpath("gram.cpp").read_text(encoding="utf-8")
    library = native.load(f"using T = {native.C_TYPES[dtype]};\n{code}")
    return None if library is None else library.gram
