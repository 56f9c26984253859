"""The jet of a known function: its derivatives at points, by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pdes.derivatives.jet import Jet
from pdes.derivatives.multi_index import Index


def function_jet(function: Callable[[Tensor], Tensor], points: Tensor, indices: Sequence[Index]) -> Jet:
    """Value and derivatives of ``function``, points (n, d) to (n, k), without a graph.

    ``indices`` must hold with each multi-index all that are contained in it, as `multi_index.closure` gives them.
    """
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
    return Jet(indices, torch.stack(columns, -1))


def _gradient(value: Tensor, points: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(points)
    (gradient,) = torch.autograd.grad(
        value.sum(), points, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return gradient
