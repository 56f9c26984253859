"""Learning rates over the progress of a stage."""

from __future__ import annotations

import math

_WARM_UP = 0.2


def learning_rate_factor(schedule: str, progress: float) -> float:
    """The factor on the learning rate at ``progress`` from 0 to 1.

    constant: 1. cosine: (1 + cos πp) / 2. one-cycle: up linearly from 0.04 to 1 in the first fifth, then down as a cosine.

    Progress, not steps: so that a run on a time budget also ends with a small learning rate.
    """
    p = min(max(progress, 0.0), 1.0)
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * p))
    if schedule == "one-cycle":
        if p < _WARM_UP:
            return 0.04 + 0.96 * p / _WARM_UP
        return 0.5 * (1 + math.cos(math.pi * (p - _WARM_UP) / (1 - _WARM_UP)))
    raise ValueError(f"unknown schedule {schedule!r}; choose constant, cosine or one-cycle")
