import math

import pytest
import torch
from scipy import stats

from sciml.evaluate import bootstrap_interval, t_interval


def test_t_interval_is_students() -> None:
    values = [0.9, 1.0, 1.4, 1.1]
    found = t_interval(values)
    low, high = stats.t.interval(0.95, 3, loc=1.1, scale=stats.sem(values))
    assert found == pytest.approx((1.1, low, high))
    # two values lie as far from their mean as one standard error, which t with one degree of freedom takes 12.7062 times
    assert t_interval([1.0, 3.0]) == pytest.approx((2, 2 - 12.7062, 2 + 12.7062), rel=1e-5)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    draws = torch.randn(400, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    within = sum(low < 0 < high for _, low, high in (t_interval(row.tolist()) for row in draws))
    assert within / 400 == pytest.approx(0.95, abs=0.03)


def test_one_value_has_no_spread() -> None:
    assert t_interval([2.0]) == (2.0, None, None)
    assert bootstrap_interval(torch.tensor([2.0])) == (2.0, None, None)
    with pytest.raises(ValueError, match="at least one"):
        t_interval([])


def test_the_bootstrap_of_many_samples_is_normal() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mean, low, high = bootstrap_interval(values, resamples=4000)
    half = 1.96 * float(values.std()) / math.sqrt(400)
    assert mean == pytest.approx(float(values.mean()))
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.1 * half)
    assert bootstrap_interval(values, resamples=4000) == (mean, low, high)


def test_a_skewed_error_has_a_skewed_interval() -> None:
    values = torch.tensor([0.1] * 19 + [2.0])
    mean, low, high = bootstrap_interval(values)
    assert low == pytest.approx(0.1, abs=1e-6)
    assert high - mean > 1.4 * (mean - low)
