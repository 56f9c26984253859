"""The residual of a PDE at scattered points (a network) and on a grid (arrays)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pdes.derivatives import Autograd, GridDerivatives
from pdes.derivatives.grid import Method
from pdes.derivatives.plan import JetPlan, Recorder, make_plan
from pdes.derivatives.tape import Record
from pdes.grid import Grid
from pdes.jet_pass import JetPass, Network, PassLayout, PointInput, check_output, known_values
from pdes.pde import PDE, Derivative, State


def _require(pde: PDE, kind: str, needed: tuple[str, ...], given: Mapping[str, object]) -> None:
    missing = [name for name in needed if name not in given]
    if missing:
        raise ValueError(
            f"{type(pde).__name__} needs the {kind} {', '.join(missing)}; given: {', '.join(given) or 'none'}"
        )


def point_state(
    pde: PDE,
    network: Network,
    points: Tensor,
    inputs: Mapping[str, PointInput] | None = None,
    plan: JetPlan | None = None,
    tape: list[Record] | None = None,
) -> tuple[State, Derivative]:
    """The state of a network at ``points`` (n, d), and the ``d`` that differentiates it.

    With a ``plan`` that has indices, one forward pass of jets gives all derivatives; otherwise they are taken by
    automatic differentiation as they are asked for. Jets note on a ``tape`` where parameters enter them.

    Jets need a graph only for derivatives by the parameters, so without gradients they make none.

    Raises ValueError where the network's output is not (n, number of fields), an input is missing, or an
    input function does not depend on the points differentiably (its derivative would silently be zero).
    """
    inputs = inputs or {}
    _require(pde, "inputs", pde.inputs, inputs)
    if plan is not None and plan.indices is not None:
        layout = PassLayout(pde, [(len(points), plan)])
        return JetPass(pde, layout, [points], inputs).states(network, tape)[0]
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        output = network(points)
        check_output(pde, output, len(points))
        values = known_values(pde, points, inputs)
    for name in pde.inputs:
        if callable(inputs[name]) and not values[name].requires_grad:
            raise ValueError(
                f"input {name!r} does not depend on the points differentiably; give a number or a torch function of the points"
            )
    values |= dict(zip(pde.fields, output.unbind(1), strict=True))
    return State(values), Autograd(pde.coords, points)


def plan_derivatives(
    pde: PDE,
    probe: Callable[[Callable[[Tensor], tuple[State, Derivative]]], object],
    inputs: Mapping[str, PointInput],
) -> JetPlan:
    """How to take the derivatives that ``probe`` asks for: by jets where these can give them.

    ``probe`` is a residual as a function of the ``evaluate`` that conditions take; it is run once, on a smooth function
    in place of a network.
    """
    recorders: list[Recorder] = []

    def smooth(points: Tensor) -> Tensor:
        phases = torch.arange(len(pde.fields), dtype=points.dtype, device=points.device)
        return torch.sin(points.sum(1, keepdim=True) + phases)

    def evaluate(points: Tensor) -> tuple[State, Derivative]:
        state, d = point_state(pde, smooth, points, inputs)
        assert isinstance(d, Autograd)
        recorders.append(Recorder(d, pde.coords, [getattr(state, name) for name in pde.fields]))
        return state, recorders[-1]

    with torch.enable_grad():
        probe(evaluate)
    requested = {index for recorder in recorders for index in recorder.requested}
    return make_plan(requested, any(recorder.of_expression for recorder in recorders))


def point_residual(
    pde: PDE,
    network: Network,
    points: Tensor,
    inputs: Mapping[str, PointInput] | None = None,
    plan: JetPlan | None = None,
) -> dict[str, Tensor]:
    """The residuals of a network at ``points`` (n, d), each (n,); see `point_state`."""
    by_jet = plan is not None and plan.indices is not None
    with torch.set_grad_enabled(torch.is_grad_enabled() or not by_jet):
        return pde.named_residual(*point_state(pde, network, points, inputs, plan))


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
