"""Residuals at several sets of points from one forward pass of jets through the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pdes.derivatives.jet import Jet
from pdes.derivatives.multi_index import MultiIndex, closure
from pdes.derivatives.plan import JetDerivatives, JetPlan
from pdes.derivatives.tape import Record
from pdes.pde import PDE, Derivative, State

Network = Callable[[Tensor], Tensor]
"""Points (n, d) to fields (n, k)."""
PointInput = float | Callable[[Tensor], Tensor]
"""A given field at scattered points: a number, or a torch function of the points (n, d) to values (n,)."""


def check_output(pde: PDE, output: Tensor | Jet, n: int) -> None:
    """Raises ValueError where a network does not return (n, number of fields)."""
    if tuple(output.shape) != (n, len(pde.fields)):
        raise ValueError(
            f"{type(pde).__name__} has fields {', '.join(pde.fields)}, so the network must return "
            f"({n}, {len(pde.fields)}), not {tuple(output.shape)}"
        )


def known_values(pde: PDE, points: Tensor, inputs: Mapping[str, PointInput]) -> dict[str, Tensor]:
    """Coordinates and given fields at points (n, d), (n,) each."""
    values = dict(zip(pde.coords, points.unbind(1), strict=True))
    for name in pde.inputs:
        given = inputs[name]
        values[name] = given(points) if callable(given) else torch.full_like(points[:, 0], float(given))
    return values


class PassLayout:
    """How several sets of points go through a network in one pass, wherever they are.

    Parameters
    ----------
    sets : the number of points of each set, and the plan of the derivatives needed there, which jets must be able to give

    Attributes
    ----------
    order : the sets in the order of the pass
    indices, counts : its derivatives, and at how many points each is held
    sizes, names : of the pieces that the output falls into, the number of points; the set, and what its residuals call the derivative
    rows : number of derivatives at points that go through the network: what the pass costs
    """

    def __init__(self, pde: PDE, sets: Sequence[tuple[int, JetPlan]]) -> None:
        self.plans = [plan for _, plan in sets]
        needed = [plan.indices or () for plan in self.plans]
        sizes = [n for n, _ in sets]
        # a derivative is held up to the last set that needs it, so those that need the most come first
        self.order = order = sorted(range(len(sets)), key=lambda k: -len(needed[k]))
        self.indices = closure(index for some in needed for index in some)
        last = [max(p for p, k in enumerate(order) if index in needed[k]) for index in self.indices]
        self.counts = [sum(sizes[k] for k in order[: p + 1]) for p in last]
        self.rows = sum(self.counts)
        # one piece for each derivative and each set that it is held at
        pieces = [(k, index) for index, p in zip(self.indices, last, strict=True) for k in order[: p + 1]]
        fields = range(len(pde.fields))
        self.sizes = [sizes[k] for k, _ in pieces] * len(fields)
        self.names = [
            (k, [(field, name) for name in self.plans[k].names(index)])
            for field in fields
            for k, index in pieces
        ]


class JetPass:
    """One pass of a network at several sets of points, each with the derivatives that are needed there.

    What depends on the points alone is prepared once.

    Parameters
    ----------
    points : of each set, (n, d)
    """

    def __init__(
        self, pde: PDE, layout: PassLayout, points: Sequence[Tensor], inputs: Mapping[str, PointInput]
    ) -> None:
        self._pde, self._layout = pde, layout
        self._known = [known_values(pde, z.detach(), inputs) for z in points]
        self._zeros: list[dict[tuple[int, MultiIndex], Tensor]] = [
            {
                (field, name): torch.zeros_like(z[:, 0])
                for name, stand_in in plan.stand_ins.items()
                for field in range(len(pde.fields))
                if stand_in is None
            }
            for z, plan in zip(points, layout.plans, strict=True)
        ]
        together = torch.cat([points[k].detach() for k in layout.order])
        self._points = Jet.of_coordinates(together, layout.indices, layout.counts)

    def states(self, network: Network, tape: list[Record] | None = None) -> list[tuple[State, Derivative]]:
        """The state at each set of points, and the ``d`` that differentiates it."""
        pde = self._pde
        points = Jet(self._points.layout, self._points.rows, tape)
        jet: Any = network(points)  # type: ignore[arg-type]
        check_output(pde, jet, points.shape[0])
        columns = jet.rows.T.reshape(-1).split(self._layout.sizes)
        components = [dict(zeros) for zeros in self._zeros]
        for (k, names), column in zip(self._layout.names, columns, strict=True):
            for name in names:
                components[k][name] = column
        return [
            (
                State(known | {name: found[field, ()] for field, name in enumerate(pde.fields)}),
                JetDerivatives(pde.coords, found),
            )
            for known, found in zip(self._known, components, strict=True)
        ]
