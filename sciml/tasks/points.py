"""Where the residuals of a problem are taken, and when the points are drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pdes import Grid, Problem

DEFAULT_CONDITION_POINTS = 200
_CANDIDATES = 4
"""Candidates per point of the adaptive share."""

ResidualSize = Callable[[Tensor], Tensor]
"""|r| of the present model at points (n, d), (n,)."""


class CollocationPoints:
    """Points of the interior and of each condition, which depend on the seed, the step and the model alone.

    With ``redraw_above``, as many points as there are are drawn from the same distribution and held out: the mean squared
    residual there over that at the training points says whether these still stand for the whole domain. Points stay
    while they do. So few points serve as long as the residual is large everywhere, and there is no noise of redraws
    where many points serve.

    Parameters
    ----------
    interior : collocation points of the equation
    grid : these points, in place of ones that are drawn
    interior_max : the number of all points doubles with each draw until the interior would have more than this
    conditions : points of each condition by its name, `DEFAULT_CONDITION_POINTS` where not given
    resample_every : new points after so many steps; 0 keeps the first ones
    resample_until : share of the training after which points stay
    redraw_above : draw at these steps only where the ratio of mean squared residuals, held-out over training, is above this
    adaptive : share of the interior points drawn with a probability proportional to |r| / mean|r| + 1 of the
        present model (residual-based adaptive distribution; C. Wu et al., arXiv:2207.10289); the first points are even
    seed, dtype, device : of the points

    Raises ValueError where ``conditions`` names one that the problem does not have, and where a ``grid`` and options that
    draw points are given.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        interior: int = 4000,
        grid: Grid | None = None,
        interior_max: int | None = None,
        conditions: Mapping[str, int] | None = None,
        resample_every: int = 0,
        resample_until: float = 1.0,
        redraw_above: float | None = None,
        adaptive: float = 0.0,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        names = [condition.name for condition in problem.conditions]
        counts = dict(conditions or {})
        unknown = [name for name in counts if name not in names]
        if unknown:
            raise ValueError(
                f"points.conditions names {', '.join(unknown)}; {problem.name} has {', '.join(names) or 'none'}"
            )
        if grid is not None and (adaptive or redraw_above is not None):
            raise ValueError(
                "points.adaptive and points.redraw_above draw points where points.grid fixes them; leave these or the grid out"
            )
        self._problem = problem
        self._grid = grid
        self._interior = interior
        growth = (interior_max or interior) // interior
        self._most_doublings = max(growth.bit_length() - 1, 0) if resample_every else 0
        self._counts = {name: counts.get(name, DEFAULT_CONDITION_POINTS) for name in names}
        self._resample_every, self._resample_until = resample_every, resample_until
        self._redraw_above = redraw_above
        self._adaptive, self._seed = adaptive, seed
        self._dtype, self._device = dtype, device
        self._points: dict[str, Tensor] = {}
        self._held_out = torch.empty(0)
        self._period = -1
        self._doublings = 0

    def at(self, step: int, size: ResidualSize, progress: float = 0.0) -> dict[str, Tensor]:
        """Points by name, "interior" and one entry a condition, each (n, d); the same object while they stay.

        ``progress`` is the share of the training that is over.
        """
        period = step // self._resample_every if self._resample_every else 0
        is_first = not self._points
        if is_first or (period != self._period and progress <= self._resample_until):
            if is_first or self._outdated(size):
                if not is_first:
                    self._doublings = min(self._doublings + 1, self._most_doublings)
                self._points, self._held_out = self._draw(period, self._doublings, None if is_first else size)
            self._period = period
        return self._points

    def largest(self) -> dict[str, Tensor]:
        """As many points as a run can come to have, by name; those of `at` stay what they are."""
        points, _ = self._draw(0, self._most_doublings, None)
        return points

    def _outdated(self, size: ResidualSize) -> bool:
        if self._redraw_above is None:
            return True
        held_out, training = (size(p).square().mean() for p in (self._held_out, self._points["interior"]))
        return bool(held_out > self._redraw_above * training)

    def _draw(
        self, period: int, doublings: int, size: ResidualSize | None
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Points by name, and those of the interior that are held out, (0,) where none are."""
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + period)
        domain = self._problem.domain
        n = 2**doublings * self._interior
        n_adaptive = round(self._adaptive * n) if size is not None else 0
        times = 1 if self._redraw_above is None else 2
        drawn = []
        if self._grid is not None:
            drawn.append((torch.stack([x.reshape(-1) for x in self._grid.mesh(self._dtype)], 1),))
        elif n_even := n - n_adaptive:
            drawn.append(domain.sample(times * n_even, generator, self._dtype).split(n_even))
        if size is not None and n_adaptive:
            candidates = domain.sample(_CANDIDATES * times * n_adaptive, generator, self._dtype)
            r = size(candidates.to(self._device)).cpu()
            chosen = torch.multinomial((r / r.mean() + 1).double(), times * n_adaptive, generator=generator)
            drawn.append(candidates[chosen].split(n_adaptive))
        interior, *held_out = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        points = {"interior": interior}
        for condition in self._problem.conditions:
            count = 2**doublings * self._counts[condition.name]
            points[condition.name] = condition.sample(domain, count, generator, self._dtype)
        placed = {name: value.to(self._device) for name, value in points.items()}
        return placed, held_out[0].to(self._device) if held_out else torch.empty(0)

    def state_dict(self) -> dict[str, Any]:
        return {
            "points": self._points,
            "held_out": self._held_out,
            "period": self._period,
            "doublings": self._doublings,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._points, self._held_out = dict(state["points"]), state["held_out"]
        self._period, self._doublings = state["period"], state["doublings"]
