"""Networks that satisfy conditions of a problem by construction, whatever their weights."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pdes import native
from pdes.conditions import Condition, Dirichlet, Initial, Periodic, Value, prescribed
from pdes.derivatives.function_jet import function_jet
from pdes.derivatives.jet import Jet
from pdes.derivatives.layout import Layout
from pdes.geometry import Box, Domain, SpaceTime
from pdes.problem import Problem

_TOLERANCE = 1e-5
_KEPT = 32
_CHECKED_POINTS = 64
_NEAR = 16


@dataclass(frozen=True)
class _End:
    """∂^order u = value where one coordinate is at the end of its range."""

    axis: int
    position: float
    order: int
    value: Value


class _KnownJets(NamedTuple):
    layout: Layout
    points: Tensor
    lift: Jet
    factor: Jet


class ExactConditions(nn.Module):
    """u(x) = S(x) + G(x) + F(x) N(x): a network N whose fields satisfy chosen conditions of a problem.

    F vanishes where values are given: with the coordinate scaled to s in [0, 1], it has a factor s or 1 - s for
    one end of an axis, 4 s (1 - s) for both, and s² for a value and a time derivative. G takes on the given
    values. It is the Boolean sum of interpolations along the axes: with (P_i g)(x) the one along axis i between
    the values at its ends,

        G = P_1 g + P_2 (g - P_1 g) + P_3 (g - P_1 g - P_2 (g - P_1 g)) + ...

    S is the known part of the problem's solution, where it names one, and g are the given values less S. Values that
    contradict one another in a corner can be exact where S takes on both.

    Dirichlet and initial conditions (of order 0, and 1 with it) are imposed so; periodic ones need a network that is periodic in
    their coordinates, and initial values that are.

    Parameters
    ----------
    network : N, points (n, d) to (n, k); also of jets
    problem : on a box, or a box in time
    names : of the conditions to be exact, none for u = S + N; see `exactly_possible`

    Raises ValueError, naming the condition, for one that does not exist or cannot be imposed so, and where the conditions
    contradict one another (different values where two of them meet) or the network is not periodic as they ask.

    Source: G for rectangles, W. J. Gordon, SIAM J. Numer. Anal. 8 (1971) 158; for networks, I. E. Lagaris, A. Likas,
    D. I. Fotiadis, IEEE Trans. Neural Netw. 9 (1998) 987.
    """

    def __init__(self, network: nn.Module, problem: Problem, names: Sequence[str]) -> None:
        super().__init__()
        conditions = {condition.name: condition for condition in problem.conditions}
        unknown = [name for name in names if name not in conditions]
        if unknown:
            raise ValueError(
                f"exact names the conditions {', '.join(unknown)}; {problem.name} has {', '.join(conditions)}"
            )
        if names and not isinstance(problem.domain, Box):
            raise ValueError(
                f"exact conditions need a box, {problem.name} is on a {type(problem.domain).__name__}; leave exact empty"
            )
        self.network = network
        self._domain = problem.domain
        self._known = problem.known
        self._ends = [
            _by_axis([end for name in names for end in _ends(conditions[name], problem.domain, field)], field)
            for field in problem.pde.fields
        ]
        self._jets: deque[_KnownJets] = deque(maxlen=_KEPT)
        self._check(problem, [conditions[name] for name in names])

    def forward(self, points: Tensor) -> Tensor:
        if isinstance(points, Jet):
            lift, factor = self._known_jets(points)
            return self.network(points) * factor + lift
        return self.lift(points).to(points.dtype) + self.factor(points) * self.network(points)

    def lift(self, points: Tensor) -> Tensor:
        """S + G, points (n, d) to (n, k)."""
        lift = torch.stack([self._lift(field, ends, points) for field, ends in enumerate(self._ends)], 1)
        return lift if self._known is None else self._known(points) + lift

    def factor(self, points: Tensor) -> Tensor:
        """F, points (n, d) to (n, k)."""
        return torch.stack([self._factor(ends, points) for ends in self._ends], 1)

    def _scaled(self, points: Tensor, axis: int) -> Tensor:
        lower, upper = self._domain.lower[axis], self._domain.upper[axis]
        return (points[:, axis] - lower) / (upper - lower)

    def _given(self, field: int, end: _End, points: Tensor) -> Tensor:
        """What S leaves of the value at an end, (n,)."""
        value = prescribed(end.value, points)
        if self._known is None:
            return value
        # where two ends meet, S may have another value at each: here it is the limit along this one
        within = points.detach().clone()
        for axis, (lower, upper) in enumerate(zip(self._domain.lower, self._domain.upper, strict=True)):
            if axis != end.axis:
                gap = _NEAR * torch.finfo(points.dtype).eps * (upper - lower)
                within[:, axis].clamp_(lower + gap, upper - gap)
        return value - self._known(points + (within - points.detach()))[:, field]

    def _lift(self, field: int, ends: list[list[_End]], points: Tensor) -> Tensor:
        if not ends:
            return torch.zeros_like(points[:, 0])
        *before, along = ends
        total = self._lift(field, before, points)
        for end in along:
            columns = list(points.unbind(1))
            columns[end.axis] = torch.full_like(columns[end.axis], end.position)
            there = torch.stack(columns, 1)
            if end.order:
                # the time axis comes first, so nothing is to be subtracted
                total = total + (points[:, end.axis] - end.position) * prescribed(end.value, there)
                continue
            share: float | Tensor = 1.0
            if sum(other.order == 0 for other in along) == 2:
                s = self._scaled(points, end.axis)
                share = s if end.position == self._domain.upper[end.axis] else 1 - s
            total = total + share * (self._given(field, end, there) - self._lift(field, before, there))
        return total

    def _factor(self, ends: list[list[_End]], points: Tensor) -> Tensor:
        product = torch.ones_like(points[:, 0])
        for along in ends:
            s = self._scaled(points, along[0].axis)
            for end in along:
                product = product * (s if end.position == self._domain.lower[end.axis] else 1 - s)
            if len({end.position for end in along}) == 2:
                product = 4 * product
        return product

    def _known_jets(self, points: Jet) -> tuple[Jet, Jet]:
        """The jets of S + G and F: they do not change while the points stay, so those of the last batches are kept."""
        layout = points.layout
        z = layout.split(points.rows)[0]
        for kept in () if native.watched() else self._jets:
            if kept.layout == layout and kept.points.dtype == z.dtype and torch.equal(kept.points, z):
                return kept.lift, kept.factor
        new = _KnownJets(layout, z, *(function_jet(f, z, layout) for f in (self.lift, self.factor)))
        if not native.watched():
            self._jets.append(new)
        return new.lift, new.factor

    def _check(self, problem: Problem, conditions: Sequence[Condition]) -> None:
        """Raises ValueError where the network does not satisfy what it was made for."""
        dtype = next(self.network.parameters()).dtype
        tolerance = _TOLERANCE if dtype == torch.float64 else math.sqrt(torch.finfo(dtype).eps)
        for condition in conditions:
            points = condition.sample(
                problem.domain, _CHECKED_POINTS, torch.Generator().manual_seed(0), dtype
            )
            residual = condition.residual(points, problem.domain, problem.evaluate(self)).detach()
            size = 1 + float(self.lift(points).detach().abs().max())
            if not float(residual.abs().max()) <= tolerance * size:
                raise ValueError(
                    f"condition {condition.name!r} of {problem.name} cannot be exact beside {', '.join(c.name for c in conditions if c is not condition) or 'this network'}: "
                    "its values differ from theirs where they meet, or are not periodic; leave it out of exact"
                )


def exactly_possible(problem: Problem) -> list[str]:
    """Names of the conditions that `ExactConditions` can impose, if they do not contradict one another."""
    return [
        condition.name
        for condition in problem.conditions
        if isinstance(condition, Dirichlet | Periodic)
        or (isinstance(condition, Initial) and condition.order < 2)
    ]


def without_conditions(problem: Problem, names: Sequence[str]) -> Problem:
    """The problem that is left for the losses when the named conditions are exact."""
    return replace(problem, conditions=tuple(c for c in problem.conditions if c.name not in names))


def _ends(condition: Condition, domain: Domain, field: str) -> list[_End]:
    if condition.field != field or isinstance(condition, Periodic):
        return []
    if isinstance(condition, Initial) and condition.order < 2:
        assert isinstance(domain, SpaceTime)
        return [_End(len(domain.coords) - 1, domain.time.start, condition.order, condition.value)]
    if isinstance(condition, Dirichlet):
        parts = domain.parts if condition.part is None else (condition.part,)
        places = [divmod(domain.parts.index(part), 2) for part in parts]
        return [
            _End(axis, (domain.upper if is_upper else domain.lower)[axis], 0, condition.value)
            for axis, is_upper in places
        ]
    raise ValueError(
        f"condition {condition.name!r} ({type(condition).__name__}) cannot be imposed exactly; leave it out of exact, so that it is a loss"
    )


def _by_axis(ends: Sequence[_End], field: str) -> list[list[_End]]:
    """The ends of one field by axis, the last axis (time) first."""
    if len({(end.axis, end.position, end.order) for end in ends}) < len(ends):
        raise ValueError(
            f"two exact conditions give field {field!r} values at the same place; leave one out of exact"
        )
    lonely = [e for e in ends if e.order and not any(o.axis == e.axis and o.order == 0 for o in ends)]
    if lonely:
        raise ValueError(
            f"the initial slope of {field!r} can be exact only where the initial value is; add that condition to exact"
        )
    axes = sorted({end.axis for end in ends}, reverse=True)
    return [[end for end in ends if end.axis == axis] for axis in axes]
