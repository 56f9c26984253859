"""The gradient of every loss by itself: the one place where balancers take them from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def loss_gradients(losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Tensor:
    """One flat gradient a loss, (m, P), in the order of ``losses``; zero where a loss does not depend on a parameter."""
    last = len(losses) - 1
    rows = []
    for index, loss in enumerate(losses.values()):
        gradients = torch.autograd.grad(
            loss, parameters, retain_graph=index < last, allow_unused=True, materialize_grads=True
        )
        rows.append(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    return torch.stack(rows)


def set_gradient(parameters: Sequence[Tensor], flat: Tensor) -> None:
    """Write a flat vector (P,) into the ``.grad`` of ``parameters``."""
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.grad = flat[start:stop].view_as(parameter).clone()
        start = stop
