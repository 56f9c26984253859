"""All residuals of a problem, evaluated together in the way that is cheapest for a network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from pdes.collapse import collapse
from pdes.conditions import Condition, Evaluate
from pdes.derivatives.plan import JetPlan
from pdes.derivatives.tape import Record
from pdes.jet_pass import JetPass, Network, PassLayout, known_values
from pdes.pde import Derivative, State
from pdes.problem import Problem
from pdes.residual import plan_derivatives, point_residual, point_state

_LOG = logging.getLogger(__name__)
_PASS_ROWS = 1000
"""What the overhead of one more pass through a network is worth, in derivatives at points."""


class _Blank:
    """Zero, whatever is asked."""

    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor:
        return torch.zeros_like(expression)


class ProblemResiduals:
    """The residuals of a problem's equation and conditions, as a function of a network and points.

    Jets give the derivatives where they can: whether an equation or a condition allows it is found by running it once,
    and whether a network does by running it once. The others are left to automatic differentiation, and the log says
    so. What depends on the points alone is kept while they stay the same object, and what depends on their numbers while these
    stay.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._plans = self._plan()
        self._fits: WeakKeyDictionary[Network, bool] = WeakKeyDictionary()
        self._take(equation=True, conditions=problem.conditions)

    def _take(self, *, equation: bool, conditions: Sequence[Condition]) -> None:
        """Start without anything kept, for these residuals."""
        self._equation, self._conditions = equation, conditions
        self._batch: Mapping[str, Tensor] | None = None
        self._sets: list[tuple[str, Tensor]] = []
        self._collapsed = self._plans | {"interior": replace(self._plans["interior"], anywhere=False)}
        self._looked_at: Tensor | None = None
        self._layouts: dict[Any, list[tuple[list[int], PassLayout]]] = {}
        self._passes: dict[bool, list[tuple[list[int], JetPass]]] = {}

    def part(self, names: Collection[str]) -> ProblemResiduals:
        """The residuals of these names, and those of all equations if one is among them: nothing else is evaluated."""
        conditions = [c for c in self._problem.conditions if c.name in names]
        result = copy(self)
        result._take(equation=len(conditions) < len(names), conditions=conditions)
        return result

    def _plan(self) -> dict[str, JetPlan]:
        """How each residual's derivatives are taken, by the names of the sets of points."""
        problem = self._problem
        interior = problem.domain.sample(2, torch.Generator(), torch.float64)
        probes: dict[str, Callable[[Evaluate], object]] = {
            "interior": lambda evaluate: problem.pde.residual(*evaluate(interior))
        }
        for condition in problem.conditions:
            points = condition.sample(problem.domain, 2, torch.Generator(), torch.float64)
            probes[condition.name] = partial(condition.residual, points, problem.domain)
        plans = {name: plan_derivatives(problem.pde, probe, problem.inputs) for name, probe in probes.items()}
        for name, plan in plans.items():
            if plan.indices is None:
                self._say(name, plan.reason)
        return plans

    def _say(self, name: str, reason: str) -> None:
        _LOG.info("%s, %s: derivatives by automatic differentiation: %s", self._problem.name, name, reason)

    def __call__(
        self,
        network: Network,
        batch: Mapping[str, Tensor],
        *,
        tapes: dict[str, list[Record]] | None = None,
        jets: bool = True,
    ) -> dict[str, Tensor]:
        """Every residual at its points, (n,) each: the equation's by their names, then the conditions'.

        Parameters
        ----------
        batch : points (n, d) of the "interior" and of each condition by its name
        tapes : receives, by the names of the residuals, where parameters entered each; every set of points then has
            a pass of its own through the network, while they share one otherwise
        jets : use them where they fit
        """
        problem = self._problem
        self._prepare(batch)
        kept: dict[str, list[Record]] = {name: [] for name in ("interior", *batch)}
        jets = jets and self._try(network, shared=tapes is None)
        # jets need no graph for the values alone
        with torch.set_grad_enabled(torch.is_grad_enabled() or not (jets and self._plain)):
            states = self._states(network, jets, None if tapes is None else kept)
            equations = problem.pde.named_residual(*next(states)) if self._equation else {}
            residuals = dict(equations)
            for condition in self._conditions:
                residuals[condition.name] = condition.residual(
                    batch[condition.name], problem.domain, lambda _: next(states)
                )
        if tapes is not None:
            tapes |= {name: kept["interior" if name in equations else name] for name in residuals}
        return residuals

    def equation(self, network: Network, points: Tensor) -> dict[str, Tensor]:
        """The residuals of the equation alone at ``points`` (n, d)."""
        problem = self._problem
        residual = partial(point_residual, problem.pde, network, points, problem.inputs)
        plan = self._plans["interior"]
        return residual(plan if self._fit(network, lambda: residual(plan)) else None)

    def use_jets(self, network: Network, batch: Mapping[str, Tensor]) -> bool:
        """Whether jets give all derivatives of this network."""
        self._prepare(batch)
        return self._plain and self._try(network, shared=True)

    def layout(self, batch: Mapping[str, Tensor]) -> Hashable:
        """What of the residuals is found by looking at the points: which derivatives stand for others."""
        self._prepare(batch)
        return tuple(repr(plan) for plan in self._collapsed.values())

    @property
    def _plain(self) -> bool:
        """Whether neither the equation nor a condition differentiates what jets do not hold."""
        return all(plan.indices is not None for plan in self._plans.values())

    def _prepare(self, batch: Mapping[str, Tensor]) -> None:
        """Find the sets of points at which residuals look at the network."""
        if batch is self._batch:
            return
        problem = self._problem
        self._sets = [("interior", batch["interior"])] if self._equation else []

        def note(name: str, points: Tensor) -> tuple[State, Derivative]:
            self._sets.append((name, points))
            blank = {field: torch.zeros_like(points[:, 0]) for field in problem.pde.fields}
            return State(known_values(problem.pde, points, problem.inputs) | blank), _Blank()

        for condition in self._conditions:
            name = condition.name
            condition.residual(batch[name], problem.domain, partial(note, name))
        interior = batch["interior"]
        new = self._equation and interior is not self._looked_at
        if new and not self._collapsed["interior"].anywhere:
            collapsed = collapse(problem.pde, self._plans["interior"], interior, problem.inputs)
            self._looked_at = interior
            if collapsed != self._collapsed["interior"]:
                self._collapsed, self._layouts = self._plans | {"interior": collapsed}, {}
        self._batch, self._passes = batch, {}

    def _states(
        self, network: Network, jets: bool, tapes: Mapping[str, list[Record]] | None
    ) -> Iterator[tuple[State, Derivative]]:
        """The states at `_sets`, one after another."""
        problem = self._problem
        found: dict[int, tuple[State, Derivative]] = {}
        if jets:
            for members, jet_pass in self._grouped(shared=tapes is None):
                tape = tapes[self._sets[members[0]][0]] if tapes is not None else None
                found |= zip(members, jet_pass.states(network, tape), strict=True)
        for k, (_, points) in enumerate(self._sets):
            yield found.get(k) or point_state(problem.pde, network, points, problem.inputs)

    def _grouped(self, *, shared: bool) -> list[tuple[list[int], JetPass]]:
        """The passes of jets, each with the sets of points that it serves."""
        if shared not in self._passes:
            sizes = tuple(len(points) for _, points in self._sets)
            if (key := (shared, sizes)) not in self._layouts:
                self._layouts = {k: v for k, v in self._layouts.items() if k[1] == sizes}
                self._layouts[key] = self._layout(shared=shared)
            pde, inputs = self._problem.pde, self._problem.inputs
            self._passes[shared] = [
                (members, JetPass(pde, layout, [self._sets[k][1] for k in members], inputs))
                for members, layout in self._layouts[key]
            ]
        return self._passes[shared]

    def _layout(self, *, shared: bool) -> list[tuple[list[int], PassLayout]]:
        """The sets of points that go through the network together."""

        def layout(members: Sequence[int]) -> PassLayout:
            sets = [self._sets[k] for k in members]
            return PassLayout(
                self._problem.pde, [(len(points), self._collapsed[name]) for name, points in sets]
            )

        passes: list[tuple[list[int], PassLayout]] = []
        for k, (name, _) in enumerate(self._sets):
            if self._plans[name].indices is None:
                continue
            alone = layout([k])
            joined = (
                [([*members, k], layout([*members, k]), one) for members, one in passes] if shared else []
            )
            for place, (members, both, before) in enumerate(joined):
                if both.rows <= before.rows + alone.rows + _PASS_ROWS:
                    passes[place] = members, both
                    break
            else:
                passes.append(([k], alone))
        return passes

    def _try(self, network: Network, *, shared: bool) -> bool:
        return self._fit(network, lambda: [p.states(network) for _, p in self._grouped(shared=shared)])

    def _fit(self, network: Network, attempt: Callable[[], object]) -> bool:
        """Whether jets go through this network, found by one attempt."""
        if network not in self._fits:
            try:
                with torch.no_grad():
                    attempt()
                self._fits[network] = True
            # whatever stops a jet, a method that only tensors have for example; a network at fault itself will say so again
            except Exception as error:
                self._say("network", f"{type(error).__name__}: {error}")
                self._fits[network] = False
        return self._fits[network]
