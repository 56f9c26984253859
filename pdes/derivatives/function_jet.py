"""The jet of a known function: its derivatives at points, by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pdes.derivatives.jet import Jet
from pdes.derivatives.multi_index import Index

_CHUNK = 1024


def function_jet(function: Callable[[Tensor], Tensor], points: Tensor, indices: Sequence[Index]) -> Jet:
    """Value and derivatives of ``function``, points (n, d) to (n, k), without a graph.

    Points are taken in chunks, since the graphs of nested derivatives are many times as large as what they give.
    ``indices`` must hold with each multi-index all that are contained in it, as `multi_index.closure` gives them.
    """
    chunks = [_derivatives(function, part, indices) for part in points.split(_CHUNK)]
    return Jet(indices, torch.cat(chunks, 1))


def _derivatives(function: Callable[[Tensor], Tensor], points: Tensor, indices: Sequence[Index]) -> Tensor:
    """(indices, n, k)."""
    with torch.enable_grad():
        z = points.detach().clone().requires_grad_()
        values = function(z).to(z.dtype)
        columns = []
        for value in values.unbind(1):
            found: dict[Index, Tensor] = {(): value}
            gradients: dict[Index, Tensor] = {}
            for index in indices[1:]:
                below = index[:-1]
                if below not in gradients:
                    gradients[below] = _gradient(found[below], z)
                found[index] = gradients[below][:, index[-1]]
            columns.append(torch.stack([found[index].detach() for index in indices]))
    return torch.stack(columns, -1)


def _gradient(value: Tensor, points: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(points)
    (gradient,) = torch.autograd.grad(
        value.sum(), points, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return gradient
