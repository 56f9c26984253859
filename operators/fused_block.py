"""A Fourier layer on a CPU, in float32, by compiled kernels: truncated transforms, mixing of modes and pointwise maps as one function."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from operators import kernels
from operators.fused_pointwise import layers
from operators.truncated_dft import (
    INVERSE,
    TRANSFORM,
    Axes,
    analyse,
    analyse_others,
    numbers_of_axis,
    synthesise,
    synthesise_others,
)


class FusedBlock(torch.autograd.Function):
    """σ(W₂ gelu(W₁ y + b₁) + b₂ + g x) with y = σ(K x + b + W x) of a field x (batch, *points, width).

    K is the spectral convolution with the weight R (*kept, width, width, 2) on ``axes``; σ is the gelu where
    ``activated``. The parameters are W, b, W₁, b₁, W₂, b₂. What the backward pass needs is kept if ``training``: x, its coefficients and K x + b + W x.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        axes: Axes,
        activated: bool,
        training: bool,
        gate: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        x, weight, gate = x.contiguous(), weight.contiguous(), gate.contiguous()
        parameters = tuple(p.contiguous() for p in parameters)
        z = analyse(x, axes, TRANSFORM)
        modes = synthesise_others(_mix(z, weight), axes, INVERSE)
        out, inner = torch.empty_like(x), torch.empty_like(x) if training else None
        fields = [x, None, modes, None, inner, out, None, gate, None]
        _run("block_forward", x, axes, activated, [*fields], [*layers(parameters, [None] * 6)])
        if training:
            ctx.axes, ctx.activated = axes, activated
            ctx.save_for_backward(x, weight, z, inner, gate, *parameters)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, z, inner, gate, *parameters = ctx.saved_tensors
        axes = ctx.axes
        gx, g_gate, found = (
            torch.empty_like(x),
            torch.empty_like(gate),
            [torch.empty_like(p) for p in parameters],
        )
        g_modes = z.new_empty(*x.shape[:-2], axes.kept[-1], *z.shape[-2:])
        fields = [x, grad.contiguous(), None, g_modes, inner, None, gx, gate, g_gate]
        _run("block_backward", x, axes, ctx.activated, [*fields], [*layers(parameters, found)])
        g_modes = analyse_others(g_modes, axes, INVERSE.adjoint)
        gz, g_weight = _mix_backward(z, weight, g_modes)
        synthesise(gz, axes, TRANSFORM.adjoint, x.shape[-1], add_to=gx)
        return gx, g_weight, None, None, None, g_gate, *found


def _run(name: str, x: Tensor, axes: Axes, activated: bool, fields: list[Any], dense: list[Any]) -> None:
    lines, axis = math.prod(x.shape[:-2]), numbers_of_axis(axes, -1, INVERSE, x.dtype)
    if name == "block_backward":
        axis = numbers_of_axis(axes, -1, INVERSE.adjoint, x.dtype)
    kernels.call(name, x.dtype, [*fields, lines, torch.get_num_threads(), activated, *axis, *dense])


def _mix(z: Tensor, weight: Tensor) -> Tensor:
    """Coefficients times the matrices of their modes."""
    *kept, channels, channels_out, _ = weight.shape
    out = z.new_empty(len(z), *kept, 2, kernels.padded(channels_out, z.dtype))
    sizes = len(z), math.prod(kept), channels, channels_out, torch.get_num_threads()
    kernels.call("mix", z.dtype, [z, None, out, None, weight, None, *sizes])
    return out


def _mix_backward(z: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients by the coefficients and by the matrices."""
    *kept, channels, channels_out, _ = weight.shape
    gz, g_weight = torch.empty_like(z), torch.empty_like(weight)
    sizes = len(z), math.prod(kept), channels, channels_out, torch.get_num_threads()
    kernels.call("mix_backward", z.dtype, [z, grad, None, gz, weight, g_weight, *sizes])
    return gz, g_weight
