"""A domain: where its points are, where its boundary is."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Domain(ABC):
    """A region of coordinate space.

    Attributes
    ----------
    coords : names of the coordinates, the columns of every tensor of points
    lower, upper : corners of the bounding box
    parts : names of the boundary parts
    """

    coords: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    parts: tuple[str, ...]

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """``n`` points of the interior that cover it evenly, (n, d)."""

    @abstractmethod
    def boundary(
        self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32, part: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """``n`` points of the boundary (or of one ``part``) and the outward unit normals there, both (n, d)."""

    @abstractmethod
    def contains(self, points: Tensor) -> Tensor:
        """Whether each point (n, d) lies in the closed domain, (n,) bool."""

    @abstractmethod
    def distance(self, points: Tensor) -> Tensor:
        """Signed distance to the boundary (n,): positive inside, zero on it, negative outside."""

    def axis(self, coord: str) -> int:
        """The column of a coordinate. Raises ValueError where the domain does not have it."""
        if coord not in self.coords:
            raise ValueError(f"the domain has coordinates {', '.join(self.coords)}, not {coord!r}")
        return self.coords.index(coord)

    def require_part(self, part: str) -> None:
        """Raises ValueError where ``part`` is not the name of a boundary part."""
        if part not in self.parts:
            raise ValueError(f"the domain has boundary parts {', '.join(self.parts)}, not {part!r}")


def low_discrepancy(
    n: int, lower: tuple[float, ...], upper: tuple[float, ...], generator: torch.Generator, dtype: torch.dtype
) -> Tensor:
    """``n`` points of a box from a scrambled Sobol sequence, (n, d): even coverage, error near O(1/n)."""
    seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
    unit = torch.quasirandom.SobolEngine(len(lower), scramble=True, seed=seed).draw(n, dtype=torch.float64)
    low, high = torch.tensor(lower, dtype=torch.float64), torch.tensor(upper, dtype=torch.float64)
    return (low + unit * (high - low)).to(dtype)
