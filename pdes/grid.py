"""Uniform grids: where the points of an axis lie, and whether the axis is periodic.

An axis of n points on [lower, upper] follows one of three conventions:

=========== ============================ =======================================
convention  points                       typical origin
=========== ============================ =======================================
half-open   lower + i L / n              periodic solvers, data subsampled from them
vertices    lower + i L / (n - 1)        finite differences with both walls included
centres     lower + (i + 1/2) L / n      finite volumes
=========== ============================ =======================================

Mistaking one for another shifts or stretches the field by O(h), which is the commonest reason
why super-resolution fails. So the convention travels with the data.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

CONVENTIONS = ("half-open", "vertices", "centres")


@dataclass(frozen=True)
class Axis:
    """One uniform axis of ``n`` points on [``lower``, ``upper``].

    Raises
    ------
    ValueError
        For an unknown convention, fewer than two points, an empty interval, or a periodic axis
        that holds both of its identical ends.
    """

    name: str
    n: int
    lower: float = 0.0
    upper: float = 1.0
    convention: str = "half-open"
    periodic: bool = False

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise ValueError(
                f"axis {self.name!r}: unknown grid convention {self.convention!r}; choose one of {', '.join(CONVENTIONS)}"
            )
        if self.n < 2:
            raise ValueError(f"axis {self.name!r} has {self.n} point(s); a grid axis needs at least 2")
        if not self.upper > self.lower:
            raise ValueError(f"axis {self.name!r}: upper end {self.upper} must exceed lower end {self.lower}")
        if self.periodic and self.convention == "vertices":
            raise ValueError(
                f"axis {self.name!r} is periodic, so its two ends are one point: drop the last one and use 'half-open'"
            )

    @property
    def length(self) -> float:
        return self.upper - self.lower

    @property
    def spacing(self) -> float:
        """Distance h between neighbouring points."""
        return self.length / (self.n - 1 if self.convention == "vertices" else self.n)

    def points(self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> Tensor:
        """Coordinates of the points, shape (n,)."""
        offset = 0.5 if self.convention == "centres" else 0.0
        index = torch.arange(self.n, dtype=torch.float64)
        return (self.lower + (index + offset) * self.spacing).to(device=device, dtype=dtype)

    def resized(self, n: int) -> Axis:
        """The same axis with ``n`` points."""
        return dataclasses.replace(self, n=n)

    def nested(self, n: int) -> slice:
        """Which of this axis's points are those of the same axis with ``n`` points.

        Raises ValueError, naming the numbers that do nest, where they are not among them.
        """

        def step(points: int) -> int:
            """Every how many points, or 0."""
            ends = 1 if self.convention == "vertices" else 0
            step, rest = divmod(self.n - ends, points - ends)
            # the centres of coarse cells are centres of fine ones where an odd number makes one
            return 0 if rest or (self.convention == "centres" and step % 2 == 0) else step

        every = step(n) if n >= 2 else 0
        if not every:
            fitting = ", ".join(str(m) for m in range(2, self.n + 1) if step(m))
            raise ValueError(
                f"axis {self.name!r}: resolution {n} is not nested in the {self.n} {self.convention} points; choose one of {fitting}"
            )
        return slice(every // 2 if self.convention == "centres" else 0, None, every)

    @classmethod
    def from_points(
        cls,
        name: str,
        points: Sequence[float] | np.ndarray | Tensor,
        *,
        convention: str | None = None,
        periodic: bool = False,
    ) -> Axis:
        """The axis on which ``points`` lie.

        Without a ``convention``: points whose first one is h/2 are the cell centres of an axis that starts
        at 0; otherwise a periodic axis is half-open and any other holds both ends.

        Raises ValueError where the points are not uniform (relative 1e-4 of the spacing) and increasing.
        """
        given = np.asarray(points)
        precision = np.finfo(given.dtype).eps if given.dtype.kind == "f" else np.finfo(np.float64).eps
        x = given.astype(np.float64).reshape(-1)
        if x.size < 2:
            raise ValueError(f"axis {name!r} has {x.size} point(s); a grid axis needs at least 2")
        if not np.isfinite(x).all():
            raise ValueError(f"axis {name!r} has coordinates that are not finite")
        steps = np.diff(x)
        h = float((x[-1] - x[0]) / (x.size - 1))
        # float32 coordinates carry a rounding error proportional to their magnitude, not to the spacing
        tolerance = 1e-4 * abs(h) + 4 * np.finfo(np.float32).eps * float(np.abs(x).max())
        if h <= 0 or np.abs(steps - h).max() > tolerance:
            raise ValueError(
                f"axis {name!r} is not uniform and increasing (steps from {steps.min():.3g} to {steps.max():.3g}); "
                "resample the data onto a uniform grid"
            )
        if convention is None:
            starts_half_a_step_in = abs(x[0] - 0.5 * h) <= tolerance
            convention = "centres" if starts_half_a_step_in else ("half-open" if periodic else "vertices")
        lower = float(x[0]) - (0.5 * h if convention == "centres" else 0.0)
        span = h * (x.size - 1 if convention == "vertices" else x.size)
        ends = np.array([lower, lower + span])
        # an end that is a rounding error away from a round number is that number
        scale = float(np.abs(ends).max())
        rounded = ends.round(5 - math.floor(math.log10(scale)))
        ends = np.where(np.abs(ends - rounded) <= 4 * precision * scale, rounded, ends)
        return cls(name, x.size, float(ends[0]), float(ends[1]), convention, periodic)


@dataclass(frozen=True)
class Grid:
    """A tensor-product grid: one `Axis` for each array dimension, in order."""

    axes: tuple[Axis, ...]

    def __init__(self, axes: Iterable[Axis]) -> None:
        object.__setattr__(self, "axes", tuple(axes))
        names = self.names
        if len(set(names)) != len(names):
            raise ValueError(f"a grid names each axis once, not {names}")

    def __iter__(self) -> Iterator[Axis]:
        return iter(self.axes)

    def __len__(self) -> int:
        return len(self.axes)

    def __getitem__(self, name: str) -> Axis:
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise KeyError(f"the grid has axes {', '.join(self.names)}, not {name!r}")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.n for axis in self.axes)

    def points(self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> list[Tensor]:
        """The coordinates of each axis, a list of tensors (n_i,)."""
        return [axis.points(dtype, device) for axis in self.axes]

    def mesh(self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> list[Tensor]:
        """The coordinates of every point, one tensor of the grid's shape for each axis."""
        return list(torch.meshgrid(*self.points(dtype, device), indexing="ij"))

    def resized(self, *shape: int) -> Grid:
        """The same domain with ``shape`` points; one number serves every axis."""
        sizes = shape * len(self) if len(shape) == 1 else shape
        if len(sizes) != len(self):
            raise ValueError(f"a grid of {len(self)} axes needs {len(self)} sizes, not {len(sizes)}")
        return Grid(axis.resized(n) for axis, n in zip(self.axes, sizes, strict=True))
