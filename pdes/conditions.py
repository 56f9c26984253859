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
    """A quantity of one field = value at the sampled points; by default the field itself."""

    value: Value

    def quantity(self, state: State, d: Derivative, points: Tensor, domain: Domain) -> Tensor:
        """What is prescribed, (n,)."""
        return getattr(state, self.field)

    def residual(self, points: Tensor, domain: Domain, evaluate: Evaluate) -> Tensor:
        state, d = evaluate(points)
        return self.quantity(state, d, points, domain) - prescribed(self.value, points)


class OnBoundary(Prescribed):
    """A quantity prescribed on the boundary, or on one ``part`` of it."""

    part: str | None

    def check(self, domain: Domain) -> None:
        if self.part is not None:
            domain.require_part(self.part)

    def sample(self, domain: Domain, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        return domain.boundary(n, generator, dtype, self.part)[0]


def outward_normal(points: Tensor, domain: Domain) -> Tensor:
    """The outward unit normal at boundary points (n, d), (n, space dimensions).

    It is minus the gradient of the signed distance, which any domain has; where faces meet it is the normal
    of one of them.
    """
    space = domain.space if isinstance(domain, SpaceTime) else domain
    with torch.enable_grad():
        # time, where there is one, is the last coordinate
        position = points[:, : len(space.coords)].detach().requires_grad_()
        (inward,) = torch.autograd.grad(space.distance(position).sum(), position)
    return -inward


def normal_derivative(u: Tensor, d: Derivative, points: Tensor, domain: Domain) -> Tensor:
    """n · ∇u at boundary points (n, d), (n,)."""
    normal = outward_normal(points, domain).unbind(1)
    return torch.stack([n * d(u, (coord,)) for n, coord in zip(normal, domain.coords, strict=False)]).sum(0)


@dataclass(frozen=True)
class Dirichlet(OnBoundary):
    """u = value on the boundary, or on one ``part`` of it."""

    field: str
    value: Value = 0.0
    part: str | None = None
    name: str = "boundary"


@dataclass(frozen=True)
class Neumann(OnBoundary):
    """∂u/∂n = value on the boundary, or on one ``part`` of it; n points outwards."""

    field: str
    value: Value = 0.0
    part: str | None = None
    name: str = "flux"

    def quantity(self, state: State, d: Derivative, points: Tensor, domain: Domain) -> Tensor:
        return normal_derivative(getattr(state, self.field), d, points, domain)


@dataclass(frozen=True)
class Robin(OnBoundary):
    """∂u/∂n + coefficient u = value on the boundary, or on one ``part`` of it; n points outwards."""

    field: str
    value: Value = 0.0
    coefficient: float = 1.0
    part: str | None = None
    name: str = "exchange"

    def quantity(self, state: State, d: Derivative, points: Tensor, domain: Domain) -> Tensor:
        u = getattr(state, self.field)
        return normal_derivative(u, d, points, domain) + self.coefficient * u


@dataclass(frozen=True)
class Initial(Prescribed):
    """∂^k u/∂t^k = value at the start of time, for one ``order`` k (0: the value itself)."""

    field: str
    value: Value = 0.0
    order: int = 0
    name: str = "initial"

    def quantity(self, state: State, d: Derivative, points: Tensor, domain: Domain) -> Tensor:
        u = getattr(state, self.field)
        return d(u, ("t",) * self.order) if self.order else u

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


@dataclass(frozen=True)
class Observation(Condition):
    """u = values at given points: measured data, or the one value that fixes the constant of a pressure.

    Parameters
    ----------
    points : rows of coordinates, in the order of the domain's
    values : one a row

    Raises ValueError where the numbers of points and values differ, and for points outside the domain.
    """

    field: str
    points: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]
    name: str = "observation"

    def check(self, domain: Domain) -> None:
        widths = {len(row) for row in self.points}
        if widths != {len(domain.coords)} or len(self.values) != len(self.points):
            raise ValueError(
                f"condition {self.name!r}: expected a value for each point of ({', '.join(domain.coords)}), "
                f"not {len(self.values)} values for {len(self.points)} points"
            )
        outside = ~domain.contains(torch.tensor(self.points, dtype=torch.float64))
        if outside.any():
            raise ValueError(
                f"condition {self.name!r}: point {self.points[int(outside.nonzero()[0])]} lies outside the domain"
            )

    def sample(self, domain: Domain, n: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """All its points, whatever ``n``."""
        return torch.tensor(self.points, dtype=dtype)

    def residual(self, points: Tensor, domain: Domain, evaluate: Evaluate) -> Tensor:
        state, _ = evaluate(points)
        return getattr(state, self.field) - points.new_tensor(self.values)
