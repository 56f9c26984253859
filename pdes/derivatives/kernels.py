"""Running the formulas of jets on tensors: by a compiled kernel, or by torch where there is none."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from pdes import native
from pdes.derivatives.activations import Activation
from pdes.derivatives.layout import Layout
from pdes.derivatives.symbol import Symbol

Formula = Callable[..., dict[int, Any]]
"""One of `pdes.derivatives.formulas`."""
_BLOCK = 4096
"""Entries that a thread takes at a time."""


def run(
    formula: Formula,
    layout: Layout,
    stacks: Sequence[Tensor],
    activation: Activation | None = None,
    bases: Sequence[Tensor] = (),
) -> Tensor:
    """The rows that a formula makes of ``stacks`` of rows, and of an activation given by its ``bases``."""
    first = stacks[0]
    if native.readable(first):
        key = formula, activation, first.dtype
        if key not in layout.kernels:
            layout.kernels[key] = _kernel(*key, layout, len(stacks), len(bases))
        kernel = layout.kernels[key]
        if kernel is not None:
            return _run_native(kernel, layout, stacks, bases)
    pieces: dict[tuple[int, int], Tensor] = {}
    parts = [layout.split(stack) for stack in stacks]
    for number, (start, stop, active) in enumerate(layout.segments):
        operands = [{k: part[k][start:stop] for k in active} for part in parts]
        sigma = sigma_of(activation, [base[start:stop] for base in bases], layout)
        for place, piece in formula(layout, active, *sigma, *operands).items():
            pieces[place, number] = piece
    return torch.cat([pieces[key] for key in sorted(pieces)])


def sigma_of(activation: Activation | None, bases: Sequence[Any], layout: Layout) -> list[list[Any]]:
    """σ and its derivatives as the one argument that they are to a formula, or none."""
    return [activation.formulas(bases, layout.order + 1)] if activation is not None else []


def _run_native(kernel: Any, layout: Layout, stacks: Sequence[Tensor], bases: Sequence[Tensor]) -> Tensor:
    stacks, bases = ([t.contiguous() for t in tensors] for tensors in (stacks, bases))
    out = torch.empty_like(stacks[0])
    entries = out.stride(0)
    row = entries * out.element_size()
    offsets = [offset * row for offset in layout.offsets]
    numbers = [base.data_ptr() for base in bases]
    for stack in (*stacks, out):
        start = stack.data_ptr()
        numbers += [start + offset for offset in offsets]
    numbers += [entries * segment.stop for segment in layout.segments]
    kernel((ctypes.c_int64 * len(numbers))(*numbers), torch.get_num_threads())
    return out


def _kernel(
    formula: Formula,
    activation: Activation | None,
    dtype: torch.dtype,
    layout: Layout,
    stacks: int,
    bases: int,
) -> Any:
    """The compiled kernel. It takes addresses of the bases, of every derivative of every stack and of the result, then the
    ends of the segments in entries; and the number of threads."""
    held = len(layout.indices)
    result = bases + stacks * held
    body = []
    for number, (_, _, active) in enumerate(layout.segments):
        sigma = sigma_of(activation, [Symbol(f"p{k}[i]") for k in range(bases)], layout)
        lines = [f"const T s{k} = {value.code};" for values in sigma for k, value in enumerate(values)]
        named = [[Symbol(f"s{k}") for k in range(len(values))] for values in sigma]
        operands: list[Mapping[int, Symbol]] = [
            {k: Symbol(f"v{bases + stack * held + k}") for k in active} for stack in range(stacks)
        ]
        for operand in chain.from_iterable(o.values() for o in operands):
            lines.append(f"const T {operand.code} = p{operand.code[1:]}[i];")
        outcome = formula(layout, active, *named, *operands)
        lines += [f"p{result + place}[i] = {value.code};" for place, value in outcome.items()]
        body.append(
            _SEGMENT.format(
                start=f"stops[{number - 1}]" if number else "0",
                number=number,
                pointers=_pointers(bases, result, held, active),
                body="\n        ".join(lines),
            )
        )
    source = _SOURCE.format(
        real=native.C_TYPES[dtype], block=_BLOCK, addresses=result + held, body="".join(body)
    )
    library = native.load(source)
    return library.run if library is not None else None


def _pointers(bases: int, result: int, held: int, active: Sequence[int]) -> str:
    """Each pointer that a segment needs as a variable of its type."""
    read = [*range(bases), *(k for k in range(bases, result) if (k - bases) % held in active)]
    written = [result + k for k in active]
    return "\n      ".join(
        [
            *(f"const T* p{k} = reinterpret_cast<const T*>(all[{k}]);" for k in read),
            *(f"T* p{k} = reinterpret_cast<T*>(all[{k}]);" for k in written),
        ]
    )


_SOURCE = """#include <algorithm>
#include <cstdint>
using T = {real};
constexpr int64_t BLOCK = {block};
extern "C" void run(const int64_t* all, int threads) {{
  const int64_t* stops = all + {addresses};{body}
}}
"""
_SEGMENT = """
  #pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t block = {start}; block < stops[{number}]; block += BLOCK) {{
      {pointers}
      const int64_t stop = std::min<int64_t>(block + BLOCK, stops[{number}]);
      #pragma omp simd
      for (int64_t i = block; i < stop; ++i) {{
        {body}
      }}
  }}"""
