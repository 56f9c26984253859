"""The gradient of every loss by itself: the one place where balancers take them from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def loss_gradients(losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Tensor:
    """One flat gradient a loss, (m, P), in the order of ``losses``; zero where a loss does not depend on a parameter.

    A complex parameter counts as its real and imaginary parts. The graph is freed.
    """
    first = parameters[0]
    matrix = torch.empty(
        len(losses), sum(_sizes(parameters)), dtype=first.dtype.to_real(), device=first.device
    )
    last = len(losses) - 1
    for index, loss in enumerate(losses.values()):
        gradients = torch.autograd.grad(
            loss, parameters, retain_graph=index < last, allow_unused=True, materialize_grads=True
        )
        flat = [(torch.view_as_real(g) if g.is_complex() else g).reshape(-1) for g in gradients]
        torch.cat(flat, out=matrix[index])
    return matrix


def set_gradient(parameters: Sequence[Tensor], flat: Tensor) -> None:
    """Make a flat vector (P,) the ``.grad`` of ``parameters``, without a copy: it is theirs from then on."""
    for parameter, piece in zip(parameters, flat.split(_sizes(parameters)), strict=True):
        if parameter.is_complex():
            # a complex view must start at an even place, so this one is a copy
            parameter.grad = torch.view_as_complex(piece.clone().view(*parameter.shape, 2))
        else:
            parameter.grad = piece.view_as(parameter)


def _sizes(parameters: Sequence[Tensor]) -> list[int]:
    return [p.numel() * (2 if p.is_complex() else 1) for p in parameters]
