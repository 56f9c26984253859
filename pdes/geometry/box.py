"""Boxes: interval, rectangle, and their like in any dimension."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pdes.geometry.domain import Domain, low_discrepancy


class Box(Domain):
    """The box of all points with lower_i <= x_i <= upper_i.

    Its boundary parts are "x_min", "x_max", "y_min", ... Boundary points are shared out among the faces
    in proportion to their area.

    Raises ValueError where names and bounds differ in number, or an interval is empty.
    """

    def __init__(self, coords: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> None:
        if not len(coords) == len(lower) == len(upper):
            raise ValueError(f"a box needs one lower and one upper bound for each of {', '.join(coords)}")
        for name, low, high in zip(coords, lower, upper, strict=True):
            if not low < high:
                raise ValueError(f"coordinate {name!r}: upper bound {high} must exceed lower bound {low}")
        self.coords = tuple(coords)
        self.lower = tuple(float(v) for v in lower)
        self.upper = tuple(float(v) for v in upper)
        self.parts = tuple(f"{name}_{end}" for name in coords for end in ("min", "max"))

    def sample(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        return low_discrepancy(n, self.lower, self.upper, generator, dtype)

    def boundary(
        self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32, part: str | None = None
    ) -> tuple[Tensor, Tensor]:
        if part is not None:
            self.require_part(part)
        parts = self.parts if part is None else (part,)
        points = low_discrepancy(n, self.lower, self.upper, generator, dtype)
        normals = torch.zeros_like(points)
        sizes = [high - low for low, high in zip(self.lower, self.upper, strict=True)]
        area = torch.tensor([1.0 / sizes[self.parts.index(p) // 2] for p in parts], dtype=torch.float64)
        ends = torch.round(torch.cumsum(area / area.sum(), 0) * n).long().tolist()
        start = 0
        for name, end in zip(parts, ends, strict=True):
            axis, is_upper = divmod(self.parts.index(name), 2)
            points[start:end, axis] = self.upper[axis] if is_upper else self.lower[axis]
            normals[start:end, axis] = 1.0 if is_upper else -1.0
            start = end
        return points, normals

    def contains(self, points: Tensor) -> Tensor:
        return self.distance(points) >= 0

    def distance(self, points: Tensor) -> Tensor:
        low, high = points.new_tensor(self.lower), points.new_tensor(self.upper)
        gap = torch.minimum(points - low, high - points)
        # outside, the nearest point of the box is at the Euclidean distance of the violated bounds
        outside = gap.clamp(max=0).norm(dim=1)
        return torch.where(outside > 0, -outside, gap.min(dim=1).values)


class Interval(Box):
    """The interval [lower, upper]."""

    def __init__(self, lower: float, upper: float, coord: str = "x") -> None:
        super().__init__((coord,), (lower,), (upper,))


class Rectangle(Box):
    """The rectangle with corners ``lower`` and ``upper``."""

    def __init__(
        self, lower: Sequence[float], upper: Sequence[float], coords: Sequence[str] = ("x", "y")
    ) -> None:
        super().__init__(coords, lower, upper)
