"""The Jacobian of residuals by the parameters: for the price of one backward pass where jets give it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pdes.derivatives.tape import LinearRecord, ProductRecord, Record
from sciml.optim.sketch import RowSketch


def residual_jacobian(
    residual: Tensor,
    tape: Sequence[Record],
    parameters: Sequence[Tensor],
    sketch: RowSketch | None = None,
) -> Tensor:
    """J_np = ∂r_n / ∂θ_p of residuals (n,) that each depend on their own point, (n, P).

    One backward pass of Σ r gives the sensitivity G_n = ∂r_n / ∂Z_n of every residual to the result Z of every record
    on the tape. The rows of J by a weight are the outer products of G_n with the layer's input, those by a factor the
    products, each summed over the derivatives that the jet carries. Rows by a tensor that is computed from parameters,
    such as a factorised weight, are carried back to these.

    With a ``sketch`` S, S J (k, P), layer by layer without J itself.

    Raises ValueError where a parameter enters none of the records.
    """
    sizes = [parameter.numel() for parameter in parameters]
    jacobian = residual.new_zeros(len(residual) if sketch is None else sketch.size, sum(sizes))
    columns = dict(zip(map(id, parameters), jacobian.split(sizes, dim=1), strict=True))
    found: set[int] = set()
    derived: dict[int, tuple[Tensor, Tensor]] = {}
    with torch.enable_grad():
        total = residual.sum()
    outputs = [record.output for record in tape]
    sensitivities = (
        torch.autograd.grad(total, outputs, retain_graph=True, materialize_grads=True) if outputs else ()
    )
    for record, g in zip(tape, sensitivities, strict=True):
        for tensor, whole in _rows(record, g):
            rows = whole if sketch is None else sketch(whole)
            if id(tensor) in columns:
                columns[id(tensor)].add_(rows)
                found.add(id(tensor))
            elif not tensor.is_leaf:
                before = derived[id(tensor)][1] if id(tensor) in derived else 0
                derived[id(tensor)] = (tensor, rows + before)
    if derived:
        carried = torch.autograd.grad(
            [tensor for tensor, _ in derived.values()],
            list(parameters),
            [rows.reshape(-1, *tensor.shape) for tensor, rows in derived.values()],
            retain_graph=True,
            allow_unused=True,
            is_grads_batched=True,
        )
        for parameter, rows in zip(parameters, carried, strict=True):
            if rows is not None:
                columns[id(parameter)].add_(rows.reshape(len(rows), -1))
                found.add(id(parameter))
    if found != columns.keys():
        raise ValueError(
            "least squares needs each trained parameter to enter the network as a weight, factor or term; use LBFGS for this model"
        )
    return jacobian


def batched_jacobian(residual: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """J_np = ∂r_n / ∂θ_p of residuals (n,) of any network, (n, P), by one backward pass for each of them.

    The passes are batched, and each is over all points of the residuals: a few dozen points at a time cost the least.
    """
    identity = torch.eye(len(residual), dtype=residual.dtype, device=residual.device)
    gradients = torch.autograd.grad(
        residual, parameters, identity, retain_graph=True, is_grads_batched=True, allow_unused=True
    )
    blocks = [
        residual.new_zeros(len(residual), p.numel()) if g is None else g.reshape(len(residual), -1)
        for p, g in zip(parameters, gradients, strict=True)
    ]
    return torch.cat(blocks, 1)


def _rows(record: Record, g: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The trained tensors of a record with ∂r_n / ∂tensor, (n, number of entries), from ``g`` = ∂r_n / ∂output_n."""
    if isinstance(record, LinearRecord):
        if record.weight.requires_grad:
            outer = g.permute(1, 2, 0) @ record.input.detach().transpose(0, 1)
            yield record.weight, outer.flatten(1)
        if record.bias is not None and record.bias.requires_grad:
            yield record.bias, g[0]
    elif isinstance(record, ProductRecord):
        yield record.factor, _unbroadcast((g * record.input.detach()).sum(0), record.factor)
    else:
        yield record.term, _unbroadcast(g[0], record.term)


def _unbroadcast(sensitivity: Tensor, tensor: Tensor) -> Tensor:
    """Sum (n, ...) over the axes along which ``tensor`` was broadcast: (n, number of entries).

    Raises ValueError where the tensor holds a value for each point: its entries are not shared by the residuals.
    """
    shape = (1,) * (sensitivity.dim() - tensor.dim()) + tuple(tensor.shape)
    if shape[0] != 1:
        raise ValueError(
            "least squares needs parameters that are shared by all points; use LBFGS for this model"
        )
    axes = [axis for axis, length in enumerate(shape) if axis and length == 1]
    return (sensitivity.sum(axes, keepdim=True) if axes else sensitivity).flatten(1)
