"""Multi-indices: which derivative is meant, and how products and compositions are differentiated.

A multi-index is the tuple of the numbers of the coordinates differentiated by, in increasing order: () is the
value, (0,) the derivative by the first coordinate, (0, 0, 1) twice by the first and once by the second. `Laplacian`
stands for a sum of second derivatives that is carried as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations


@dataclass(frozen=True)
class Laplacian:
    """Σ_i ∂_i² over the coordinates with these numbers."""

    coords: tuple[int, ...]


MultiIndex = tuple[int, ...]
Index = MultiIndex | Laplacian


def order(index: Index) -> int:
    """How many times is differentiated."""
    return 2 if isinstance(index, Laplacian) else len(index)


def _parts(index: Index) -> Iterator[Index]:
    """The index itself and all that are contained in it."""
    if isinstance(index, Laplacian):
        yield ()
        yield from ((i,) for i in index.coords)
        yield index
    else:
        yield from (part for k in range(len(index) + 1) for part in combinations(index, k))


def closure(indices: Iterable[Index]) -> tuple[Index, ...]:
    """The given multi-indices and all that are contained in them, by order: what a jet must hold to be propagated."""
    found = {(), *(part for index in indices for part in _parts(index))}
    return tuple(sorted(found, key=_place))


def expanded(indices: Iterable[Index]) -> tuple[MultiIndex, ...]:
    """The closure with every Laplacian taken apart into its second derivatives."""
    parts: list[Index] = []
    for index in indices:
        parts += [(i, i) for i in index.coords] if isinstance(index, Laplacian) else [index]
    return tuple(index for index in closure(parts) if not isinstance(index, Laplacian))


def _place(index: Index) -> tuple[int, bool, tuple[int, ...]]:
    collapsed = isinstance(index, Laplacian)
    return order(index), collapsed, index.coords if isinstance(index, Laplacian) else index


@cache
def leibniz(index: Index) -> tuple[tuple[int, Index, Index], ...]:
    """Terms (c, β, γ) with ∂^α (f g) = Σ c ∂^β f ∂^γ g."""
    if isinstance(index, Laplacian):
        return ((1, (), index), (1, index, ()), *((2, (i,), (i,)) for i in index.coords))
    positions = range(len(index))
    splits = Counter(
        (tuple(index[i] for i in chosen), tuple(index[i] for i in positions if i not in chosen))
        for k in range(len(index) + 1)
        for chosen in combinations(positions, k)
    )
    return tuple((count, *split) for split, count in splits.items())


@cache
def faa_di_bruno(index: Index) -> tuple[tuple[int, tuple[Index, ...]], ...]:
    """Terms (c, blocks) with ∂^α σ(z) = Σ c σ^(number of blocks)(z) Π ∂^block z, for α other than ()."""
    if isinstance(index, Laplacian):
        return ((1, (index,)), *((1, ((i,), (i,))) for i in index.coords))
    terms = Counter(
        tuple(sorted(tuple(index[i] for i in block) for block in partition))
        for partition in _partitions(tuple(range(len(index))))
    )
    return tuple((count, blocks) for blocks, count in terms.items())


def _partitions(items: tuple[int, ...]) -> Iterator[list[tuple[int, ...]]]:
    """All ways to split ``items`` into blocks."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for k in range(len(rest) + 1):
        for mates in combinations(rest, k):
            remaining = tuple(item for item in rest if item not in mates)
            for partition in _partitions(remaining):
                yield [(first, *mates), *partition]
