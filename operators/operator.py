"""The two kinds of learned map: operators between fields on grids, and networks of coordinates.

Every model remembers the arguments it was built with in ``options``, a dictionary that JSON can hold. A saved
model is its class name, its options and its ``state_dict``; loading needs nothing else::

    model = getattr(operators, name)(**options)
    model.load_state_dict(weights)
"""

from __future__ import annotations

import functools
import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

# Where point i of n lies on the unit interval. The names are those that data files carry.
CONVENTIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "half-open": lambda i, n: i / n,
    "vertices": lambda i, n: i / (n - 1),
    "centres": lambda i, n: (i + 0.5) / n,
}


def unit_points(n: int, convention: str) -> Tensor:
    """The n points of a uniform axis on the unit interval, float64, shape (n,).

    half-open: i/n; vertices: i/(n-1), both ends included; centres: (i + 1/2)/n.
    """
    return CONVENTIONS[convention](torch.arange(n, dtype=torch.float64), n)


class Model(nn.Module, ABC):
    """A module that records its constructor arguments in ``options``.

    Subclasses take named arguments that JSON can hold (numbers, strings, lists, dictionaries); tensors and
    tuples are recorded as lists. A constructor that takes ``**others`` and hands them to its base class has the
    base's keyword arguments as its own, in ``inspect.signature`` and in ``options``; one that takes ``*first``, its
    positional arguments.
    """

    options: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" not in cls.__dict__:
            return
        init = cls.__init__
        signature = _full_signature(cls)

        @functools.wraps(init)
        def recording(self: Model, *args: Any, **named: Any) -> None:
            # the outermost constructor is the one a rebuild calls, so inner ones must not overwrite it
            if "options" not in self.__dict__:
                bound = signature.bind(self, *args, **named)
                bound.apply_defaults()
                given = dict(list(bound.arguments.items())[1:])
                self.options = json.loads(json.dumps(given, default=lambda value: value.tolist()))
            init(self, *args, **named)

        recording.__signature__ = signature  # type: ignore[attr-defined]
        cls.__init__ = recording  # type: ignore[assignment]


def _full_signature(cls: type) -> inspect.Signature:
    """The constructor's signature with the base class's arguments in place of ``*first`` and ``**others``."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    handed_on = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    own = [p for p in signature.parameters.values() if p.kind not in handed_on]
    handed_on &= {p.kind for p in signature.parameters.values()}
    base = inspect.signature(cls.__mro__[1].__init__).parameters.values() if handed_on else ()  # type: ignore[misc]
    inherited = [p for p in base if p.name not in signature.parameters]
    named = [p for p in inherited if p.kind is inspect.Parameter.KEYWORD_ONLY]
    if inspect.Parameter.VAR_POSITIONAL in handed_on:
        first = [p for p in inherited if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        return signature.replace(parameters=[own[0], *first, *own[1:], *named])
    return signature.replace(parameters=[*own, *named])


class Operator(Model):
    """A map between fields on uniform grids: (batch, in_channels, *grid) -> (batch, out_channels, *grid).

    A subclass implements `operate`; checking the input and placing the grid points is done here, once.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    dims
        Number of grid axes.
    domain
        (lower, upper) of each axis, in the units of the coordinates; the unit interval by default.
    grid
        Convention of the points, "half-open", "vertices" or "centres": one for all axes or one for each.
        See `unit_points`.

    Raises
    ------
    ValueError
        For an empty interval, an unknown convention, or a number of either that differs from ``dims``.
    """

    resolution_bound: str | None = None
    """Why the model only works at the resolution it was trained on; None if any resolution will do."""

    size: tuple[int, ...] | None = None
    """Points on each axis of the grid that a model with a ``resolution_bound`` is for; it refuses others. None: unknown."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int,
        domain: Sequence[tuple[float, float]] | None = None,
        grid: Sequence[str] | str = "half-open",
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.dims = in_channels, out_channels, dims
        self.domain = tuple((float(a), float(b)) for a, b in domain) if domain else ((0.0, 1.0),) * dims
        self.grid = (grid,) * dims if isinstance(grid, str) else tuple(grid)
        for name, given in (("domain", self.domain), ("grid", self.grid)):
            if len(given) != dims:
                raise ValueError(
                    f"{name} describes {len(given)} axes but the model has {dims}; they must agree (an FNO has an axis for each of its modes)"
                )
        for axis, ((lower, upper), convention) in enumerate(zip(self.domain, self.grid, strict=True)):
            if not upper > lower:
                raise ValueError(f"domain of axis {axis}: upper end {upper} must exceed lower end {lower}")
            if convention not in CONVENTIONS:
                raise ValueError(
                    f"grid of axis {axis}: unknown convention {convention!r}; choose one of {', '.join(CONVENTIONS)}"
                )

    def forward(self, x: Tensor, coords: Sequence[Tensor] | None = None) -> Tensor:
        """Apply the operator.

        Parameters
        ----------
        x
            Input fields, shape (batch, in_channels, *grid).
        coords
            Coordinates of the points, one tensor (n_i,) for each axis. They are compared with the points that
            the model's domain and convention give for n_i; without them those points are assumed.

        Returns
        -------
        Tensor
            Output fields, shape (batch, out_channels, *grid).

        Raises
        ------
        ValueError
            If the shape, the type or the coordinates do not fit the model.
        """
        self._check_fields(x)
        if coords is not None:
            self._check_coordinates(x.shape[2:], coords)
        points = [unit_points(n, c).to(x) for n, c in zip(x.shape[2:], self.grid, strict=True)]
        return self.operate(x, points)

    @abstractmethod
    def operate(self, x: Tensor, points: list[Tensor]) -> Tensor:
        """The map itself, for an input that has been checked.

        ``points`` holds the unit coordinates in [0, 1] of each axis, shape (n_i,).
        """

    def _check_fields(self, x: Tensor) -> None:
        if x.ndim != self.dims + 2:
            raise ValueError(
                f"input has {x.ndim} dimensions but a {self.dims}-D model takes {self.dims + 2}: (batch, channel, *grid)"
            )
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f"input has {x.shape[1]} channels but the model takes {self.in_channels}; "
                f"expected shape (batch, {self.in_channels}, *grid), got {tuple(x.shape)}"
            )
        for axis, n in enumerate(x.shape[2:]):
            if n < 2:
                raise ValueError(f"axis {axis} of the input has {n} point(s); a grid axis needs at least 2")
        if self.size is not None and x.shape[2:] != self.size:
            raise ValueError(
                f"input has {_times(x.shape[2:])} points but the model is for {_times(self.size)}: {self.resolution_bound}; "
                f"resample the field onto {_times(self.size)} points, or train a model at {_times(x.shape[2:])}"
            )
        dtype = next((p.dtype for p in self.parameters() if p.is_floating_point()), x.dtype)
        if x.dtype != dtype:
            raise ValueError(
                f"input is {x.dtype} but the model's weights are {dtype}; convert one with .to()"
            )

    def _check_coordinates(self, sizes: Sequence[int], coords: Sequence[Tensor]) -> None:
        if len(coords) != self.dims:
            raise ValueError(
                f"coords holds {len(coords)} tensors but the model has {self.dims} axes; give one an axis"
            )
        for axis, (n, given) in enumerate(zip(sizes, coords, strict=True)):
            if given.shape != (n,):
                raise ValueError(
                    f"coords of axis {axis} have shape {tuple(given.shape)} but the field has {n} points there; expected ({n},)"
                )
            lower, upper = self.domain[axis]
            x = (given.detach().double().cpu() - lower) / (upper - lower)
            # float32 coordinates carry a rounding error proportional to their magnitude, not to the spacing
            rounding = 4 * torch.finfo(torch.float32).eps * max(abs(lower), abs(upper)) / (upper - lower)
            tolerance = 1e-3 / n + rounding
            found = [c for c in CONVENTIONS if (x - unit_points(n, c)).abs().max() <= tolerance]
            wanted = self.grid[axis]
            if wanted in found:
                continue
            if found:
                raise ValueError(
                    f"coords of axis {axis} follow the {found[0]!r} convention but the model was built for {wanted!r}; "
                    f"resample the fields onto {wanted!r} points, or build and train the model with grid={found[0]!r}"
                )
            raise ValueError(
                f"coords of axis {axis} ({n} points from {float(given[0]):g} to {float(given[-1]):g}) are no uniform grid "
                f"on the model's domain [{lower:g}, {upper:g}]; resample the fields onto its {wanted!r} points"
            )


def _times(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))
