"""The gradient of every loss by itself: the one place where balancers take them from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors


def loss_gradients(losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Tensor:
    """One flat gradient a loss, (m, P), in the order of ``losses``; zero where a loss does not depend on a parameter.

    A complex parameter counts as its real and imaginary parts. The graph is freed.
    """
    last = len(losses) - 1
    rows = []
    for index, loss in enumerate(losses.values()):
        found = torch.autograd.grad(loss, parameters, retain_graph=index < last, allow_unused=True)
        pairs = zip(parameters, found, strict=True)
        rows.append(
            _flatten_dense_tensors([_real(torch.zeros_like(p) if g is None else g) for p, g in pairs])
        )
    return torch.stack(rows)


def set_gradient(parameters: Sequence[Tensor], flat: Tensor) -> None:
    """Make a flat vector (P,) the ``.grad`` of ``parameters``, without a copy: it is theirs from then on."""
    pieces = _unflatten_dense_tensors(flat, [_real(p) for p in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        # a complex view must start at an even place, so this one is a copy
        parameter.grad = torch.view_as_complex(piece.clone()) if parameter.is_complex() else piece


def _real(tensor: Tensor) -> Tensor:
    """A complex tensor as real numbers with an axis more."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor
