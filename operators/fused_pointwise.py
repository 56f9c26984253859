"""Two dense layers on the channels of each point on a CPU, in float32, by a compiled kernel that keeps what lies between in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from operators import kernels

_WIDEST = 256
"""Channels up to which the kernels are used; measured with 16 to 128."""


def available(x: Tensor, *channels: int) -> bool:
    """Whether the kernels take this field and map between so many channels."""
    return x.dtype == torch.float32 and max(channels) <= _WIDEST and kernels.available(x)


class FusedMLP(torch.autograd.Function):
    """W₂ gelu(W₁ x + b₁) + b₂ of a field (..., channels)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> Tensor:
        x, parameters = x.contiguous(), tuple(p.contiguous() for p in parameters)
        out = x.new_empty(*x.shape[:-1], len(parameters[2]))
        _run("mlp_forward", x, [x, None, out, None], layers(parameters, [None] * 4))
        ctx.save_for_backward(x, *parameters)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *parameters = ctx.saved_tensors
        found = [torch.empty_like(p) for p in parameters]
        gx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        _run("mlp_backward", x, [x, grad.contiguous(), None, gx], layers(parameters, found))
        return gx, *found


def layers(parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> list[int | Tensor | None]:
    """Dense layers, given as weights and biases in turn, as pointwise.cpp reads them."""
    arguments: list[int | Tensor | None] = []
    for k in range(0, len(parameters), 2):
        arguments += [*reversed(parameters[k].shape), *parameters[k : k + 2], *gradients[k : k + 2]]
    return arguments


def _run(name: str, x: Tensor, fields: Sequence[Tensor | None], dense: Sequence[int | Tensor | None]) -> None:
    points = x[..., 0].numel()
    kernels.call(name, x.dtype, [*fields, points, torch.get_num_threads(), *dense])
