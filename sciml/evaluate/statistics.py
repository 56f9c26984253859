"""How sure a mean is: over seeds by Student's t, over test samples by the bootstrap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from scipy import stats
from torch import Tensor


class Estimate(NamedTuple):
    """A mean and its confidence interval; without one (None) where a single value gives no spread."""

    mean: float
    low: float | None
    high: float | None


def t_interval(values: Sequence[float], level: float = 0.95) -> Estimate:
    """The mean of independent, normally distributed values, x̄ ± t_{n-1} s / √n.

    For runs that differ in their seed. Raises ValueError for no values.
    """
    if not values:
        raise ValueError("t_interval needs at least one value")
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return Estimate(mean, None, None)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * spread / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half)


def bootstrap_interval(
    values: Tensor, level: float = 0.95, *, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """The mean of test samples with the percentile interval of means of samples drawn from them with replacement.

    It tells how much the choice of test samples matters, nothing of another training run. Errors are skewed, so no normal
    distribution is assumed.

    Parameters
    ----------
    values : (samples,)

    Source: B. Efron, Ann. Statist. 7 (1979) 1.
    """
    data = values.detach().double().cpu()
    if len(data) == 1:
        return Estimate(float(data[0]), None, None)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(data), (resamples, len(data)), generator=generator)
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.quantile(data[chosen].mean(1), tails).tolist()
    return Estimate(float(data.mean()), low, high)
