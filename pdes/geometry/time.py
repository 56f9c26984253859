"""Time, and space-time cylinders."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pdes.geometry.box import Box


@dataclass(frozen=True)
class TimeDomain:
    """The time span [start, end]; a box times it is the space-time cylinder over the box.

    Raises ValueError for an empty span.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"time span: end {self.end} must exceed start {self.start}")

    def __rmul__(self, space: Box) -> SpaceTime:
        return SpaceTime(space, self)


class SpaceTime(Box):
    """A box in space times a span of time; the last coordinate is "t".

    Its boundary is that of space at all times, with normals in space; the initial slice is apart
    (`initial`), and there is no condition at the end.
    """

    def __init__(self, space: Box, time: TimeDomain) -> None:
        super().__init__((*space.coords, "t"), (*space.lower, time.start), (*space.upper, time.end))
        self.space, self.time = space, time
        self.parts = space.parts

    def boundary(
        self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32, part: str | None = None
    ) -> tuple[Tensor, Tensor]:
        # the time column of evenly spread points of the cylinder serves the boundary as well
        times = self.sample(n, generator, dtype)[:, -1:]
        times = times[torch.randperm(n, generator=generator)]
        points, normals = self.space.boundary(n, generator, dtype, part)
        return torch.cat([points, times], 1), torch.cat([normals, torch.zeros_like(times)], 1)

    def initial(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """``n`` points of space at the start of time, (n, d)."""
        points = self.space.sample(n, generator, dtype)
        return torch.cat([points, torch.full_like(points[:, :1], self.time.start)], 1)
