"""Linear maps, activations and products of jets on their rows, as autograd sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from pdes.derivatives.activations import Activation
from pdes.derivatives.formulas import compose, compose_backward, multiply, multiply_backward
from pdes.derivatives.fused_chain import fused_chain
from pdes.derivatives.kernels import run
from pdes.derivatives.layout import Layout

Step = Activation | None
"""An activation, or None for a linear map."""


class Chain(torch.autograd.Function):
    """Linear maps and activations one after another, which is what most of a network is, as one function.

    Parameters
    ----------
    rows, layout : a jet
    steps : what is done to it
    parameters : weight and bias, which may be None, of each linear map
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, layout: Layout, steps: Sequence[Step], *parameters: Tensor | None
    ) -> Tensor:
        ctx.layout, ctx.steps = layout, steps
        ctx.fused = fused_chain(layout, rows, steps, parameters)
        if ctx.fused is not None:
            out, scratch = ctx.fused.forward(rows, parameters)
            ctx.save_for_backward(*parameters, rows, scratch)
            return out
        n = layout.counts[0]
        pairs = iter(parameters)
        saved: list[Tensor] = []
        ctx.sizes = []
        for step in steps:
            saved.append(rows)
            if step is None:
                weight, bias = next(pairs), next(pairs)
                ctx.sizes.append(1)
                rows = F.linear(rows, weight)  # type: ignore[arg-type]
                if bias is not None:
                    rows[:n].add_(bias)
            else:
                bases = step.bases(rows[:n], layout.order + 1)
                saved += bases
                ctx.sizes.append(1 + len(bases))
                rows = run(compose, layout, [rows], step, bases)
        ctx.save_for_backward(*parameters, *saved)
        return rows

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        n = ctx.layout.counts[0]
        by_rows, _, _, *needed = ctx.needs_input_grad
        parameters, saved = ctx.saved_tensors[: len(needed)], list(ctx.saved_tensors[len(needed) :])
        if ctx.fused is not None:
            by_input, found = ctx.fused.backward(grad, *saved, parameters, needed, by_rows=by_rows)
            return by_input, None, None, *found
        found = [None] * len(needed)
        k = len(needed)
        for step, size in zip(reversed(ctx.steps), reversed(ctx.sizes), strict=True):
            x, *bases = saved[-size:]
            del saved[-size:]
            if step is not None:
                grad = run(compose_backward, ctx.layout, [x, grad], step, bases)
                continue
            k -= 2
            if needed[k]:
                # in this order the product is several times faster where there are few inputs
                found[k] = (x.flatten(0, -2).T @ grad.flatten(0, -2)).T.contiguous()
            if needed[k + 1]:
                found[k + 1] = grad[:n].flatten(0, -2).sum(0)
            if not (k or by_rows):
                break
            grad = grad @ parameters[k]
        return grad if by_rows else None, None, None, *found


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
