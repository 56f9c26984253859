"""Linear maps, compositions and products of jets on their rows, as autograd sees them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from pdes.derivatives.activations import Activation
from pdes.derivatives.formulas import compose, compose_backward, multiply, multiply_backward
from pdes.derivatives.kernels import run
from pdes.derivatives.layout import Layout


class Linear(torch.autograd.Function):
    """x Wᵀ for all rows, and the bias for the ``values`` first rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, values: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.values = values
        return _linear(x, weight, bias, values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        return *_linear_backward(ctx, grad, x, weight), None


class Composition(torch.autograd.Function):
    """σ of a jet."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, activation: Activation, layout: Layout) -> Tensor:
        bases = activation.bases(rows[: layout.counts[0]], layout.order + 1)
        ctx.save_for_backward(rows, *bases)
        ctx.activation, ctx.layout = activation, layout
        return run(compose, layout, [rows], activation, bases)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        rows, *bases = ctx.saved_tensors
        return run(compose_backward, ctx.layout, [rows, grad], ctx.activation, bases), None, None


class Dense(torch.autograd.Function):
    """σ(W x + b) of a jet: `Linear` and `Composition` as one, which is what most of a network is made of."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, activation: Activation, layout: Layout
    ) -> Tensor:
        ctx.values = layout.counts[0]
        z = _linear(x, weight, bias, ctx.values)
        bases = activation.bases(z[: ctx.values], layout.order + 1)
        ctx.save_for_backward(x, weight, z, *bases)
        ctx.activation, ctx.layout = activation, layout
        return run(compose, layout, [z], activation, bases)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        x, weight, z, *bases = ctx.saved_tensors
        through = run(compose_backward, ctx.layout, [z, grad], ctx.activation, bases)
        return *_linear_backward(ctx, through, x, weight), None, None


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None, values: int) -> Tensor:
    out = F.linear(x, weight)
    if bias is not None:
        out[:values].add_(bias)
    return out


def _linear_backward(
    ctx: Any, grad: Tensor, x: Tensor, weight: Tensor
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients by x, W and b, which are the first arguments of the function."""
    by_x = grad @ weight if ctx.needs_input_grad[0] else None
    by_bias = grad[: ctx.values].flatten(0, -2).sum(0) if ctx.needs_input_grad[2] else None
    if not ctx.needs_input_grad[1]:
        return by_x, None, by_bias
    # in this order the product is several times faster where there are few inputs
    by_weight = x.flatten(0, -2).T @ grad.flatten(0, -2)
    return by_x, by_weight.T.contiguous(), by_bias


class Product(torch.autograd.Function):
    """The product of two jets of one shape."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, layout: Layout) -> Tensor:
        ctx.save_for_backward(left, right)
        ctx.layout = layout
        return run(multiply, layout, [left, right])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        left, right = ctx.saved_tensors
        by_left, by_right = (
            run(multiply_backward, ctx.layout, [other, grad]) if needed else None
            for other, needed in ((right, ctx.needs_input_grad[0]), (left, ctx.needs_input_grad[1]))
        )
        return by_left, by_right, None
