"""The residual of a PDE at scattered points (a network) and on a grid (arrays)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pdes.derivatives import Autograd, GridDerivatives
from pdes.derivatives.grid import Method
from pdes.grid import Grid
from pdes.pde import PDE, State

Network = Callable[[Tensor], Tensor]
"""Points (n, d) to fields (n, k)."""
PointInput = float | Callable[[Tensor], Tensor]
"""A given field at scattered points: a number, or a torch function of the points (n, d) to values (n,)."""


def _require(pde: PDE, kind: str, needed: tuple[str, ...], given: Mapping[str, object]) -> None:
    missing = [name for name in needed if name not in given]
    if missing:
        raise ValueError(
            f"{type(pde).__name__} needs the {kind} {', '.join(missing)}; given: {', '.join(given) or 'none'}"
        )


def point_state(
    pde: PDE, network: Network, points: Tensor, inputs: Mapping[str, PointInput] | None = None
) -> tuple[State, Autograd]:
    """The state of a network at ``points`` (n, d), and the ``d`` that differentiates it.

    Raises ValueError where the network's output is not (n, number of fields), an input is missing, or an
    input function does not depend on the points differentiably (its derivative would silently be zero).
    """
    inputs = inputs or {}
    _require(pde, "inputs", pde.inputs, inputs)
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        d = Autograd(pde.coords, points)
        output = network(points)
        if output.shape != (len(points), len(pde.fields)):
            raise ValueError(
                f"{type(pde).__name__} has fields {', '.join(pde.fields)}, so the network must return "
                f"({len(points)}, {len(pde.fields)}), not {tuple(output.shape)}"
            )
        values = dict(zip(pde.coords, points.unbind(1), strict=True))
        values |= dict(zip(pde.fields, output.unbind(1), strict=True))
        for name in pde.inputs:
            given = inputs[name]
            if callable(given):
                values[name] = given(points)
                if not values[name].requires_grad:
                    raise ValueError(
                        f"input {name!r} does not depend on the points differentiably; give a number or a torch function of the points"
                    )
            else:
                values[name] = torch.full_like(points[:, 0], float(given))
    return State(values), d


def point_residual(
    pde: PDE, network: Network, points: Tensor, inputs: Mapping[str, PointInput] | None = None
) -> dict[str, Tensor]:
    """The residuals of a network at ``points`` (n, d) by automatic differentiation, each (n,)."""
    with torch.enable_grad():
        return pde.named_residual(*point_state(pde, network, points, inputs))


def grid_residual(
    pde: PDE,
    grid: Grid,
    fields: Mapping[str, Tensor],
    inputs: Mapping[str, float | Tensor] | None = None,
    *,
    method: Method = "auto",
    accuracy: int = 2,
) -> dict[str, Tensor]:
    """The residuals of fields on a grid, each (..., *grid).

    Parameters
    ----------
    fields, inputs : tensors (..., *grid) by name; an input may be a number
    method, accuracy : how derivatives are taken, see `pdes.derivatives.GridDerivatives`

    Raises ValueError for a missing field or input, a shape that does not end in the grid's, and the
    derivatives that the grid cannot give.
    """
    inputs = inputs or {}
    _require(pde, "fields", pde.fields, fields)
    _require(pde, "inputs", pde.inputs, inputs)
    like = fields[pde.fields[0]]
    values = dict(zip(grid.names, grid.mesh(like.dtype, like.device), strict=True))
    for name in (*pde.fields, *pde.inputs):
        value = fields[name] if name in pde.fields else inputs[name]
        value = torch.as_tensor(value, dtype=like.dtype, device=like.device)
        if value.dim() == 0:
            value = value.expand(grid.shape)
        if value.shape[-len(grid) :] != grid.shape:
            raise ValueError(
                f"field {name!r} has shape {tuple(value.shape)}; expected (..., {', '.join(map(str, grid.shape))})"
            )
        values[name] = value
    return pde.named_residual(
        State(values), GridDerivatives(grid, method=method, accuracy=accuracy, coords=pde.coords)
    )
