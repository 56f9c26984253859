"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

_DECREASE, _CURVATURE = 1e-4, 0.9
_ROUNDING = 1e-10
"""A difference of values below this share of the value counts as none: near a minimum, the slopes decide."""
_TRIALS = 25


@dataclass(frozen=True)
class Trial:
    """f at a step along a line: its value, its slope by the step, and its gradient (P,)."""

    step: float
    value: float
    slope: float
    gradient: Tensor


def strong_wolfe(evaluate: Callable[[float], Trial], start: Trial, step: float) -> Trial | None:
    """A step a along a line f(a) from ``start`` at a = 0, where f'(0) < 0, with

        f(a) <= f(0) + c₁ a f'(0)     and     |f'(a)| <= c₂ |f'(0)|,     c₁ = 1e-4, c₂ = 0.9,

    so that the change of the gradient along it has positive curvature.

    Steps grow until they enclose such an a; then the enclosing interval shrinks around the minimiser of the cubic
    through its ends. A value that is not finite counts as too large.

    Parameters
    ----------
    evaluate : f at a step
    start : f at zero
    step : the first a to try

    Returns
    -------
    The trial that was accepted; where there was none, the lowest; None where none is below ``start``.

    Source: J. Nocedal, S. J. Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6.
    """
    low, high = start, None
    for _ in range(_TRIALS):
        trial = evaluate(step)
        if not _decreases(trial, start) or trial.value > low.value + _ROUNDING * abs(low.value):
            high = trial
        elif abs(trial.slope) <= _CURVATURE * abs(start.slope):
            return trial
        else:
            onwards = 1.0 if high is None else high.step - low.step
            before = low
            if trial.slope * onwards >= 0:
                high = low
            low = trial
            if high is None:
                step = _within(_cubic_minimizer(before, low), 2 * low.step, 10 * low.step)
                continue
        width = high.step - low.step
        step = _within(_cubic_minimizer(low, high), low.step + 0.1 * width, low.step + 0.9 * width)
    return low if low.value < start.value else None


def _decreases(trial: Trial, start: Trial) -> bool:
    allowed = start.value + _DECREASE * trial.step * start.slope + _ROUNDING * abs(start.value)
    # also false where one is not a number
    return trial.value <= allowed and math.isfinite(trial.slope)


def _cubic_minimizer(a: Trial, b: Trial) -> float:
    """The minimiser of the cubic with the values and slopes of ``a`` and ``b``; nan where it has none."""
    width = b.step - a.step
    mean = 3 * (b.value - a.value) / width
    middle = a.slope + b.slope - mean
    discriminant = middle * middle - a.slope * b.slope
    if not discriminant >= 0:
        return math.nan
    root = math.copysign(math.sqrt(discriminant), width)
    denominator = b.slope - a.slope + 2 * root
    return b.step - width * (b.slope + root - middle) / denominator if denominator else math.nan


def _within(step: float, one: float, other: float) -> float:
    """``step`` between two ends; the middle where it is not a number."""
    if math.isnan(step):
        return 0.5 * (one + other)
    return min(max(step, min(one, other)), max(one, other))
