"""Residuals at several sets of points from one forward pass of jets through the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pdes.derivatives import Derivative
from pdes.derivatives.jet import Jet, Record
from pdes.derivatives.multi_index import Index, closure
from pdes.derivatives.plan import JetDerivatives
from pdes.pde import PDE, State

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


class JetPass:
    """One pass of a network at several sets of points, each with the derivatives that are needed there.

    What depends on the points alone is prepared once.

    Parameters
    ----------
    sets : points (n, d) and the derivatives needed there, closed under parts
    """

    def __init__(
        self,
        pde: PDE,
        sets: Sequence[tuple[Tensor, tuple[Index, ...]]],
        inputs: Mapping[str, PointInput],
    ) -> None:
        self._pde = pde
        sizes = [len(points) for points, _ in sets]
        # a derivative is held up to the last set that needs it, so those that need the most come first
        self._order = sorted(range(len(sets)), key=lambda k: -len(sets[k][1]))
        indices = closure(index for _, needed in sets for index in needed)
        last = [max(p for p, k in enumerate(self._order) if index in sets[k][1]) for index in indices]
        counts = [sum(sizes[k] for k in self._order[: p + 1]) for p in last]
        # the pieces that the output falls into: one for each derivative and each set that it is held at
        self._pieces = [
            (k, index) for index, p in zip(indices, last, strict=True) for k in self._order[: p + 1]
        ]
        self._sizes = [sizes[k] for k, _ in self._pieces]
        self._known = [known_values(pde, points.detach(), inputs) for points, _ in sets]
        self._points = Jet.of_coordinates(
            torch.cat([sets[k][0].detach() for k in self._order]), indices, counts
        )

    @property
    def rows(self) -> int:
        """Number of derivatives at points that go through the network: what the pass costs."""
        return len(self._points.rows)

    def states(self, network: Network, tape: list[Record] | None = None) -> list[tuple[State, Derivative]]:
        """The state at each set of points, and the ``d`` that differentiates it."""
        pde = self._pde
        points = Jet(self._points.layout, self._points.rows, tape)
        jet: Any = network(points)  # type: ignore[arg-type]
        check_output(pde, jet, points.shape[0])
        columns = jet.rows.T.reshape(-1).split(self._sizes * len(pde.fields))
        components: list[dict[tuple[int, Index], Tensor]] = [{} for _ in self._known]
        names = ((field, piece) for field in range(len(pde.fields)) for piece in self._pieces)
        for (field, (k, index)), column in zip(names, columns, strict=True):
            components[k][field, index] = column
        return [
            (
                State(known | {name: found[field, ()] for field, name in enumerate(pde.fields)}),
                JetDerivatives(pde.coords, found),
            )
            for known, found in zip(self._known, components, strict=True)
        ]
