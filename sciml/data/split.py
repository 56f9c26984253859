"""Seeded splits of a dataset into named parts."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def split_indices(n: int, fractions: Mapping[str, float], seed: int) -> dict[str, Tensor]:
    """Split the sample numbers 0..n-1 at random into disjoint named parts that together hold all of them.

    The parts hold round(f n) samples up to one, chosen by ``seed`` alone. Each is sorted, which reads
    fastest from a file; loaders shuffle.

    Raises
    ------
    ValueError
        If fractions are negative or do not sum to 1, or if a part with a positive fraction gets no sample.

    >>> {name: part.tolist() for name, part in split_indices(4, {"train": 0.75, "test": 0.25}, seed=0).items()}
    {'train': [0, 1, 2], 'test': [3]}
    """
    if not fractions or any(not f >= 0 for f in fractions.values()):
        raise ValueError(f"split fractions must be given and not negative, got {dict(fractions)}")
    total = math.fsum(fractions.values())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"split fractions must sum to 1, but {dict(fractions)} sum to {total:.6g}")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    parts: dict[str, Tensor] = {}
    start, cumulative = 0, 0.0
    for name, fraction in fractions.items():
        cumulative += fraction
        stop = round(cumulative * n)
        if fraction > 0 and stop == start:
            raise ValueError(f"split {name!r} ({fraction:g} of {n} samples) is empty; use more samples")
        parts[name] = order[start:stop].sort().values
        start = stop
    return parts
