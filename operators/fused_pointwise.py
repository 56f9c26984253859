"""The pointwise maps of neural operators on a CPU, in float32, by a compiled kernel that keeps what lies between in the cache."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pdes import native

_WIDEST = 128
"""Channels up to which the kernel is used; measured with 16 to 64."""


def available(x: Tensor, *channels: int) -> bool:
    """Whether the kernel takes this field and maps between so many channels."""
    suits = native.readable(x) and x.dtype == torch.float32 and max(channels) <= _WIDEST
    return suits and _library() is not None


class FusedMLP(torch.autograd.Function):
    """W₂ gelu(W₁ x + b₁) + b₂ of a field (channels, points)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> Tensor:
        x, parameters = x.contiguous(), tuple(p.contiguous() for p in parameters)
        out = x.new_empty(len(parameters[2]), x.shape[1])
        layers = _layers(parameters, [None] * 4)
        _run("mlp_forward", [x, None, out, None], x.shape[1], layers)
        ctx.save_for_backward(x, *parameters)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *parameters = ctx.saved_tensors
        found = [torch.empty_like(p) for p in parameters]
        gx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        _run("mlp_backward", [x, grad.contiguous(), None, gx], x.shape[1], _layers(parameters, found))
        return gx, *found


class FusedBlock(torch.autograd.Function):
    """σ(W₂ gelu(W₁ y + b₁) + b₂ + g x) with y = σ(s + b + W x), of fields x and s (channels, points)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor, activated: bool, gate: Tensor, *parameters: Tensor) -> Tensor:
        x, s = x.contiguous(), s.contiguous()
        gate, parameters = gate.contiguous(), tuple(p.contiguous() for p in parameters)
        out = torch.empty_like(x)
        addresses = [x, s, None, out, None, None, gate, None]
        _run("block_forward", addresses, x.shape[1], _layers(parameters, [None] * 6), activated)
        ctx.activated = activated
        ctx.save_for_backward(x, s, gate, *parameters)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, s, gate, *parameters = ctx.saved_tensors
        gx, gs, g_gate = torch.empty_like(x), torch.empty_like(s), torch.empty_like(gate)
        found = [torch.empty_like(p) for p in parameters]
        addresses = [x, s, grad.contiguous(), None, gx, gs, gate, g_gate]
        _run("block_backward", addresses, x.shape[1], _layers(parameters, found), ctx.activated)
        return gx, gs, None, g_gate, *found


def _layers(parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> list[int]:
    """The dense layers as pointwise.cpp reads them."""
    numbers: list[int] = []
    for k in range(0, len(parameters), 2):
        numbers += map(_address, (*parameters[k : k + 2], *gradients[k : k + 2]))
        numbers += reversed(parameters[k].shape)
    return numbers


def _run(
    name: str, tensors: Sequence[Tensor | None], points: int, layers: Sequence[int], *flags: bool
) -> None:
    numbers = [*map(_address, tensors), points, torch.get_num_threads(), *flags, *layers]
    getattr(_library(), name)((ctypes.c_int64 * len(numbers))(*numbers))


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


@cache
def _library() -> ctypes.CDLL | None:
    code = files("operators").joinpath("pointwise.cpp").read_text(encoding="utf-8")
    return native.load_points_kernel(code, torch.float32)
