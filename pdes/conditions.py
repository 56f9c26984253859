"""Boundary and initial conditions: each a named residual on points of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pdes.geometry import Domain, SpaceTime
from pdes.pde import Derivative, State

Evaluate = Callable[[Tensor], tuple[State, Derivative]]
"""The state of the model under training at points (n, d), and its ``d``."""
Value = float | Callable[[Tensor], Tensor]
"""A number, or a torch function of the points (n, d) to values (n,)."""


def prescribed(value: Value, points: Tensor) -> Tensor:
    """The prescribed values at ``points``, (n,).

    Raises ValueError where a function returns another shape.
    """
    if not callable(value):
        return torch.full_like(points[:, 0], value)
    result = value(points)
    if result.shape != points.shape[:1]:
        raise ValueError(
            f"a prescribed value must be ({len(points)},), one a point, not {tuple(result.shape)}"
        )
    return result


class Condition(ABC):
    """A residual that vanishes where the condition holds. To a trainer all conditions are the same thing."""

    name: str
    field: str

    @abstractmethod
    def check(self, domain: Domain) -> None:
        """Raises ValueError where the condition does not fit the domain."""

    @abstractmethod
    def sample(self, domain: Domain, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """``n`` points at which to impose the condition, (n, d)."""

    @abstractmethod
    def residual(self, points: Tensor, domain: Domain, evaluate: Evaluate) -> Tensor:
        """The residual at such points, (n,)."""


class Prescribed(Condition):
    """u = value at the sampled points, whichever these are."""

    value: Value

    def residual(self, points: Tensor, domain: Domain, evaluate: Evaluate) -> Tensor:
        state, _ = evaluate(points)
        return getattr(state, self.field) - prescribed(self.value, points)


@dataclass(frozen=True)
class Dirichlet(Prescribed):
    """u = value on the boundary, or on one ``part`` of it."""

    field: str
    value: Value = 0.0
    part: str | None = None
    name: str = "boundary"

    def check(self, domain: Domain) -> None:
        if self.part is not None:
            domain.require_part(self.part)

    def sample(self, domain: Domain, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        return domain.boundary(n, generator, dtype, self.part)[0]


@dataclass(frozen=True)
class Initial(Prescribed):
    """u = value at the start of time."""

    field: str
    value: Value = 0.0
    name: str = "initial"

    def check(self, domain: Domain) -> None:
        if not isinstance(domain, SpaceTime):
            raise ValueError(
                f"condition {self.name!r} needs a domain with time: write for example Interval(-1, 1) * TimeDomain(0, 1)"
            )

    def sample(self, domain: Domain, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        assert isinstance(domain, SpaceTime)
        return domain.initial(n, generator, dtype)


@dataclass(frozen=True)
class Periodic(Condition):
    """∂^k u equal at both ends of an axis, for one ``order`` k (0: the value itself)."""

    field: str
    coord: str = "x"
    order: int = 0
    name: str = "periodic"

    def check(self, domain: Domain) -> None:
        domain.axis(self.coord)

    def sample(self, domain: Domain, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        return domain.boundary(n, generator, dtype, f"{self.coord}_min")[0]

    def residual(self, points: Tensor, domain: Domain, evaluate: Evaluate) -> Tensor:
        axis = domain.axis(self.coord)
        opposite = points.clone()
        opposite[:, axis] = domain.upper[axis]
        values = []
        for ends in (points, opposite):
            state, d = evaluate(ends)
            value = getattr(state, self.field)
            values.append(d(value, (self.coord,) * self.order) if self.order else value)
        return values[0] - values[1]
