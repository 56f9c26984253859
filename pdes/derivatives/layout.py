"""How the derivatives of a jet lie in one tensor, and the rules of calculus in terms of these places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from torch import Tensor

from pdes.derivatives.multi_index import Index, faa_di_bruno, leibniz, order


class Segment(NamedTuple):
    """Points from start to stop, at which the derivatives at the ``active`` places are held."""

    start: int
    stop: int
    active: tuple[int, ...]


class Term(NamedTuple):
    """factor σ^(len(blocks)) Π z[block]."""

    factor: float
    blocks: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Which derivatives a jet holds, and at how many of its points.

    Derivative k, ``indices[k]``, is held at the first ``counts[k]`` points, in as many rows of one tensor, one
    derivative after another. ``indices[0]`` is the value, which is held at all points. So residuals that need few
    derivatives share a pass through the network with one that needs many, and pay for their own only.
    """

    indices: tuple[Index, ...]
    counts: tuple[int, ...]

    @property
    def uniform(self) -> bool:
        """Whether every derivative is held at all points."""
        return len(set(self.counts)) == 1

    def split(self, rows: Tensor) -> Sequence[Tensor]:
        """The derivatives one by one, (counts[k], ...) each."""
        return rows.split(self._sizes)

    @cached_property
    def _sizes(self) -> list[int]:
        return list(self.counts)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The first row of each derivative."""
        return tuple(accumulate(self.counts, initial=0))[:-1]

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The points in stretches that hold the same derivatives."""
        stops = sorted(set(self.counts))
        return tuple(
            Segment(start, stop, tuple(k for k, count in enumerate(self.counts) if count >= stop))
            for start, stop in pairwise([0, *stops])
        )

    @cached_property
    def kernels(self) -> dict[Any, Any]:
        """What has been compiled for layouts like this one, however many points they have."""
        return _kernels(self.indices, tuple(segment.active for segment in self.segments))

    @cached_property
    def order(self) -> int:
        """The highest derivative."""
        return max(map(order, self.indices))

    @cached_property
    def _place(self) -> dict[Index, int]:
        return {index: k for k, index in enumerate(self.indices)}

    @cached_property
    def composition(self) -> tuple[tuple[Term, ...], ...]:
        """Faà di Bruno's terms of each derivative; none for the value."""
        return tuple(
            tuple(Term(c, tuple(self._place[part] for part in parts)) for c, parts in faa_di_bruno(index))
            if k
            else ()
            for k, index in enumerate(self.indices)
        )

    @cached_property
    def product(self) -> tuple[tuple[tuple[float, int, int], ...], ...]:
        """Leibniz's terms (c, place in the first factor, place in the second) of each derivative."""
        return tuple(
            tuple((c, self._place[left], self._place[right]) for c, left, right in leibniz(index))
            for index in self.indices
        )


@cache
def _kernels(indices: tuple[Index, ...], active: tuple[tuple[int, ...], ...]) -> dict[Any, Any]:  # noqa: ARG001
    return {}
