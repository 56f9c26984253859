"""A chain of linear maps and activations as one compiled kernel, which takes a block of points through all of it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from pdes import native
from pdes.derivatives.activations import Activation
from pdes.derivatives.formulas import compose, compose_backward
from pdes.derivatives.kernels import sigma_of
from pdes.derivatives.layout import Layout
from pdes.derivatives.symbol import Symbol

_WIDEST = 100
"""Features up to which the kernel was measured to be faster than the steps one after another."""


_ALIGNMENT = 32
"""Bytes of a vector of the kernel."""
_TENSORS = ("input", "output", "saved", "output_grad", "input_grad")


@dataclass(frozen=True)
class FusedChain:
    """The kernel of one activation on one layout, for linear maps between ``sizes`` features.

    Attributes
    ----------
    linear : for each step, whether it is a linear map
    sizes : features before the first step and after each
    """

    library: ctypes.CDLL
    layout: Layout
    linear: tuple[bool, ...]
    sizes: tuple[int, ...]

    def forward(self, rows: Tensor, parameters: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """The rows after the chain, and what `backward` needs besides the same arguments."""
        rows, parameters = rows.contiguous(), [None if p is None else p.contiguous() for p in parameters]
        out = rows.new_empty(len(rows), self.sizes[-1])
        size = self.library.saved_bytes(self._call(parameters))
        saved = torch.empty(size + _ALIGNMENT, dtype=torch.uint8)
        self.library.forward(self._call(parameters, input=rows, output=out, saved=saved))
        return out, saved

    def backward(
        self,
        grad: Tensor,
        rows: Tensor,
        saved: Tensor,
        parameters: Sequence[Tensor | None],
        needed: Sequence[bool],
        *,
        by_rows: bool,
    ) -> tuple[Tensor | None, list[Tensor | None]]:
        """Gradients by the rows and by those parameters that are ``needed``."""
        grad, rows = grad.contiguous(), rows.contiguous()
        parameters = [None if p is None else p.contiguous() for p in parameters]
        found = [
            torch.empty_like(p) if p is not None and need else None
            for p, need in zip(parameters, needed, strict=True)
        ]
        by_input = torch.empty_like(rows) if by_rows else None
        self.library.backward(
            self._call(parameters, found, input=rows, saved=saved, output_grad=grad, input_grad=by_input)
        )
        return by_input, found

    def _call(
        self,
        parameters: Sequence[Tensor | None],
        gradients: Sequence[Tensor | None] = (),
        **given: Tensor | None,
    ) -> Any:
        """The arguments of the kernel, as chain.cpp reads them."""
        addresses = [_address(given.get(name)) for name in _TENSORS]
        addresses[_TENSORS.index("saved")] += -addresses[_TENSORS.index("saved")] % _ALIGNMENT
        numbers = [*addresses, torch.get_num_threads(), max(self.sizes), len(self.linear)]
        k = 0
        for step, linear in enumerate(self.linear):
            numbers += [linear, self.sizes[step], self.sizes[step + 1]]
            if linear:
                pairs = (*parameters[k : k + 2], *(gradients[k : k + 2] or (None, None)))
                numbers += map(_address, pairs)
                k += 2
            else:
                numbers += [0] * 4
        numbers += [*self.layout.offsets, *(segment.stop for segment in self.layout.segments)]
        return (ctypes.c_int64 * len(numbers))(*numbers)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def fused_chain(
    layout: Layout,
    rows: Tensor,
    steps: Sequence[Activation | None],
    parameters: Sequence[Tensor | None],
) -> FusedChain | None:
    """The chain as one kernel; None where it does not fit into one, or where there is no compiler."""
    kinds = {step for step in steps if step is not None}
    alternate = all((a is None) != (b is None) for a, b in pairwise(steps))
    sizes = _sizes(rows, steps, parameters)
    if len(kinds) != 1 or not alternate or sizes is None or max(sizes) > _WIDEST:
        return None
    (activation,) = kinds
    if activation.symbols is None:
        return None
    key = fused_chain, activation, rows.dtype
    if key not in layout.kernels:
        layout.kernels[key] = _library(layout, activation, activation.symbols(Symbol("z")), rows.dtype)
    library = layout.kernels[key]
    if library is None:
        return None
    return FusedChain(library, layout, tuple(step is None for step in steps), sizes)


def _sizes(
    rows: Tensor, steps: Sequence[Activation | None], parameters: Sequence[Tensor | None]
) -> tuple[int, ...] | None:
    """Features before the first step and after each; None where tensors are not what the kernel reads."""
    if not native.readable(rows) or rows.dim() != 2:
        return None
    if any(p is not None and (p.dtype, p.device) != (rows.dtype, rows.device) for p in parameters):
        return None
    sizes = [rows.shape[1]]
    pairs = zip(parameters[::2], parameters[1::2], strict=True)
    for step in steps:
        if step is not None:
            sizes.append(sizes[-1])
            continue
        weight, bias = next(pairs)
        assert weight is not None
        if weight.shape[1:] != (sizes[-1],) or (bias is not None and bias.shape != weight.shape[:1]):
            return None
        sizes.append(len(weight))
    return tuple(sizes)


def _library(
    layout: Layout, activation: Activation, bases: Sequence[Symbol], dtype: torch.dtype
) -> ctypes.CDLL | None:
    assigned = " ".join(f"to[{k}] = {base.code};" for k, base in enumerate(bases))
    rules = [
        f"constexpr int DERIVATIVES = {len(layout.indices)}, SEGMENTS = {len(layout.segments)}, BASES = {len(bases)};",
        f"static inline void find_bases(V z, V* to) {{ {assigned} }}",
        "template <int N> struct Segment;",
        *(
            _segment(layout, activation, len(bases), number, segment.active)
            for number, segment in enumerate(layout.segments)
        ),
    ]
    template = files("pdes.derivatives").joinpath("chain.cpp").read_text(encoding="utf-8")
    library = native.load_kernel(
        template.replace("// RULES\n", "\n".join(rules) + "\n"), dtype, "lanes.h", "points.h"
    )
    if library is not None:
        library.saved_bytes.restype = ctypes.c_int64
    return library


def _segment(layout: Layout, activation: Activation, bases: int, number: int, active: Sequence[int]) -> str:
    """The rules of an activation at the points of a segment, forward and backward."""
    (sigma,) = sigma_of(activation, [Symbol(f"b[{k}]") for k in range(bases)], layout)
    lines = [f"const V s{k} = V{{}} + {value.code};" for k, value in enumerate(sigma)]
    named = [Symbol(f"s{k}") for k in range(len(sigma))]
    z, g = ({place: Symbol(f"{name}{k}") for k, place in enumerate(active)} for name in "zg")
    position = {place: k for k, place in enumerate(active)}

    def read(name: str) -> list[str]:
        return [f"const V {name}{k} = {name}[{k} * stride];" for k in range(len(active))]

    def written(name: str, found: dict[int, Any]) -> list[str]:
        return [f"{name}[{position[place]} * stride] = {value.code};" for place, value in found.items()]

    forward = [*lines, *read("z"), *written("to", compose(layout, active, named, z))]
    backward = [
        *lines,
        *read("z"),
        *read("g"),
        *written("g", compose_backward(layout, active, named, z, g)),
    ]
    return _SEGMENT.format(
        number=number,
        active=", ".join(map(str, active)),
        count=len(active),
        forward="\n    ".join(forward),
        backward="\n    ".join(backward),
    )


_SEGMENT = """template <> struct Segment<{number}> {{
  static constexpr int active[] = {{{active}}}, count = {count};
  static inline void compose(const V* b, const V* z, V* to, int64_t stride) {{
    {forward}
  }}
  static inline void compose_backward(const V* b, const V* z, V* g, int64_t stride) {{
    {backward}
  }}
}};"""
