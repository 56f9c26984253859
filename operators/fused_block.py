"""A Fourier layer on a CPU, in float32, by compiled kernels: truncated transforms, mixing of modes and pointwise maps as one function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from operators import kernels
from operators.fused_pointwise import layers
from operators.truncated_dft import INVERSE, TRANSFORM, Axes, Rule, coefficients, numbers_of, scratch_size


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
        z, mixed, scratch = _coefficients(x, axes)
        out, inner = torch.empty_like(x), torch.empty_like(x) if training else None
        fields, modes, maps = [x, None, out, None, inner], [z, mixed, None, None], [weight, gate, None, None]
        dense = layers(parameters, [None] * len(parameters))
        operands = [*fields, *modes, scratch, *maps]
        _run("block_forward", operands, axes, (TRANSFORM, INVERSE), activated, dense)
        if training:
            ctx.axes, ctx.activated = axes, activated
            ctx.save_for_backward(x, weight, z, inner, gate, *parameters)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, z, inner, gate, *parameters = ctx.saved_tensors
        gx, g_weight, g_gate, *found = (torch.empty_like(t) for t in (x, weight, gate, *parameters))
        gz, g_mixed, scratch = _coefficients(x, ctx.axes)
        fields, modes = [x, grad.contiguous(), None, gx, inner], [z, None, gz, g_mixed]
        operands = [*fields, *modes, scratch, weight, gate, g_weight, g_gate]
        rules, dense = (INVERSE.adjoint, TRANSFORM.adjoint), layers(parameters, found)
        _run("block_backward", operands, ctx.axes, rules, ctx.activated, dense)
        return gx, g_weight, None, None, None, g_gate, *found


def _coefficients(x: Tensor, axes: Axes) -> tuple[Tensor, Tensor, Tensor]:
    """Memory for the coefficients of a field, for others and for the stages of a transform."""
    sizes = axes, len(x), x.shape[-1], x.dtype
    shape = coefficients(*sizes)
    return x.new_empty(shape), x.new_empty(shape), x.new_empty(scratch_size(*sizes))


def _run(
    name: str, operands: list[Any], axes: Axes, rules: tuple[Rule, Rule], activated: bool, dense: list[Any]
) -> None:
    x = operands[0]
    sizes = len(x), torch.get_num_threads(), activated, len(axes.points)
    numbers = [number for rule in rules for number in numbers_of(axes, rule, x.dtype)]
    kernels.call(name, x.dtype, [*operands, *sizes, *dense, *numbers])
