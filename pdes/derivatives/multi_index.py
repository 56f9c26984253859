"""Multi-indices: which derivative is meant, and how products and compositions are differentiated.

A multi-index is the tuple of the numbers of the coordinates differentiated by, in increasing order: () is the
value, (0,) the derivative by the first coordinate, (0, 0, 1) twice by the first and once by the second. A `Combination`
of them, such as a Laplacian, is carried as one derivative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import overload

MultiIndex = tuple[int, ...]


@dataclass(frozen=True)
class Combination:
    """Σ c ∂^α with constant c, for the terms (c, α), none of them the value."""

    terms: tuple[tuple[float, MultiIndex], ...]


Index = MultiIndex | Combination


def order(index: Index) -> int:
    """How many times is differentiated, at most."""
    return max(len(part) for _, part in index.terms) if isinstance(index, Combination) else len(index)


@overload
def closure(indices: Iterable[MultiIndex]) -> tuple[MultiIndex, ...]: ...
@overload
def closure(indices: Iterable[Index]) -> tuple[Index, ...]: ...
def closure(indices: Iterable[Index]) -> tuple[Index, ...]:
    """The given derivatives and all that are contained in them, by order: what a jet must hold to be propagated."""
    found: set[Index] = {()}
    for index in indices:
        found.add(index)
        whole = [part for _, part in index.terms] if isinstance(index, Combination) else [index]
        found |= {part for one in whole for k in range(len(one)) for part in combinations(one, k)}
    return tuple(sorted(found, key=_place))


def _place(index: Index) -> tuple[int, bool, tuple[object, ...]]:
    combined = isinstance(index, Combination)
    return order(index), combined, index.terms if isinstance(index, Combination) else index


@cache
def leibniz(index: Index) -> tuple[tuple[float, Index, Index], ...]:
    """Terms (c, β, γ) with ∂^α (f g) = Σ c ∂^β f ∂^γ g."""
    if isinstance(index, Combination):
        inner = [
            (c * count, left, right)
            for c, part in index.terms
            for count, left, right in leibniz(part)
            if left and right
        ]
        return ((1, (), index), (1, index, ()), *inner)
    positions = range(len(index))
    splits = Counter(
        (tuple(index[i] for i in chosen), tuple(index[i] for i in positions if i not in chosen))
        for k in range(len(index) + 1)
        for chosen in combinations(positions, k)
    )
    return tuple((count, *split) for split, count in splits.items())


@cache
def faa_di_bruno(index: Index) -> tuple[tuple[float, tuple[Index, ...]], ...]:
    """Terms (c, blocks) with ∂^α σ(z) = Σ c σ^(number of blocks)(z) Π ∂^block z, for α other than ()."""
    if isinstance(index, Combination):
        inner = [
            (c * count, blocks)
            for c, part in index.terms
            for count, blocks in faa_di_bruno(part)
            if len(blocks) > 1
        ]
        return ((1, (index,)), *inner)
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
