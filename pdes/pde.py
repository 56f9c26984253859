"""A PDE is its coordinates, its fields and one residual; every method of the project starts from these."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn


class State:
    """Coordinates, fields and input fields by name: ``s.x``, ``s.u``, ``s.a``.

    All have one shape: (n,) at scattered points, (..., *grid) on a grid.
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Tensor:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            known = ", ".join(self.__dict__.get("_values", ()))
            raise AttributeError(f"the residual asks for {name!r}; the state holds {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)


class Derivative(Protocol):
    """How a derivative is taken: ``d(expression, "xx")`` is the second derivative by x."""

    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor: ...


class PDE(ABC):
    """A system of partial differential equations, written once as ``residual(s, d) = 0``.

    A subclass is a frozen dataclass whose attributes are the physical parameters. A parameter that is an
    ``nn.Parameter`` is learned: an inverse problem.

    Attributes
    ----------
    coords : names of the independent variables; time, where there is one, is called "t"
    fields : names of the unknowns
    inputs : names of given fields, such as a coefficient or a force

    Example
    -------
    >>> @dataclass(frozen=True)
    ... class Advection(PDE):
    ...     c: float = 1.0
    ...     coords, fields = ("x", "t"), ("u",)
    ...     def residual(self, s, d):
    ...         return {"transport": d(s.u, "t") + self.c * d(s.u, "x")}
    """

    inputs: tuple[str, ...] = ()

    @property
    @abstractmethod
    def coords(self) -> tuple[str, ...]: ...

    @property
    @abstractmethod
    def fields(self) -> tuple[str, ...]: ...

    @abstractmethod
    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        """The left-hand sides that vanish on a solution, by name, each of the shape of the fields."""

    def parameters(self) -> dict[str, nn.Parameter]:
        """The learnable physical parameters by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, nn.Parameter)}

    def named_residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        """`residual`, with a check that it returns named tensors of the shape of the fields.

        Raises ValueError that names the equation and the residual otherwise.
        """
        residuals = self.residual(s, d)
        name = type(self).__name__
        if not isinstance(residuals, Mapping) or not residuals:
            raise ValueError(
                f"{name}.residual must return a dict of named tensors, not {type(residuals).__name__}"
            )
        shapes = {getattr(s, field).shape for field in self.fields}
        expected = shapes.pop() if len(shapes) == 1 else torch.broadcast_shapes(*shapes)
        for key, value in residuals.items():
            if not isinstance(value, Tensor) or value.shape != expected:
                found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(
                    f"{name}: residual {key!r} has shape {found}, the fields have {tuple(expected)}; "
                    "a residual holds one value a point"
                )
        return dict(residuals)
