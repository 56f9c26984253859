"""The Jacobian of residuals by the parameters, row by row, for the price of one backward pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pdes.derivatives.jet import LinearRecord


def residual_jacobian(residual: Tensor, tape: Sequence[LinearRecord], parameters: Sequence[Tensor]) -> Tensor:
    """J_np = ∂r_n / ∂θ_p of residuals (n,) that each depend on their own point, (n, P).

    One backward pass of Σ r gives the sensitivity of every residual to the pre-activations Z of every linear layer,
    G = ∂r_n / ∂Z_n; the rows of J by a weight are the outer products of G_n with the layer's input, summed over the
    derivatives that the jet carries.

    Raises ValueError where a parameter is not the weight or bias of a recorded linear layer.
    """
    offsets, size = {}, 0
    for parameter in parameters:
        offsets[id(parameter)] = size
        size += parameter.numel()
    recorded = {id(p) for record in tape for p in (record.weight, record.bias)}
    if any(id(parameter) not in recorded for parameter in parameters):
        raise ValueError(
            "least squares needs a network whose parameters are all in linear layers; use LBFGS for this model"
        )
    with torch.enable_grad():
        total = residual.sum()
    sensitivities = torch.autograd.grad(
        total, [record.output for record in tape], retain_graph=True, allow_unused=True
    )
    jacobian = residual.new_zeros(len(residual), size)
    for record, g in zip(tape, sensitivities, strict=True):
        if g is None:
            continue
        start = offsets[id(record.weight)]
        rows = g.permute(1, 2, 0) @ record.input.detach().transpose(0, 1)
        jacobian[:, start : start + record.weight.numel()] += rows.flatten(1)
        if record.bias is not None:
            start = offsets[id(record.bias)]
            jacobian[:, start : start + record.bias.numel()] += g[0]
    return jacobian
