import math

import pytest
import torch

from sciml.optim.line_search import Trial, strong_wolfe


def line(f):
    """f(a) as trials, and how often it was called."""
    calls = []

    def evaluate(step):
        a = torch.tensor(step, dtype=torch.float64, requires_grad=True)
        value = f(a)
        (slope,) = torch.autograd.grad(value, a)
        calls.append(step)
        return Trial(step, float(value.detach()), float(slope), slope[None])

    return evaluate, calls


FUNCTIONS = {
    "quadratic": lambda a: (a - 3) ** 2,
    "quartic": lambda a: (a - 0.01) ** 4,
    "flat far away": lambda a: -a / (a**2 + 2),
    "steep": lambda a: (a + 0.004) ** 5 - 2 * (a + 0.004) ** 4,
    "many minima": lambda a: (a - 2) ** 2 + 0.3 * torch.sin(9 * a) - 4 * a,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
def test_both_conditions_hold(name, first):
    evaluate, calls = line(FUNCTIONS[name])
    start = evaluate(0.0)
    found = strong_wolfe(evaluate, start, first)
    assert found.value <= start.value + 1e-4 * found.step * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)
    assert len(calls) <= 20


def test_a_good_first_step_is_accepted_at_once():
    evaluate, calls = line(FUNCTIONS["quadratic"])
    assert strong_wolfe(evaluate, evaluate(0.0), 2.0).step == 2.0
    assert len(calls) == 2


@pytest.mark.parametrize("outside", [math.inf, math.nan])
def test_a_step_beyond_the_domain_is_shortened(outside):
    evaluate, _ = line(lambda a: -torch.log(1 - a) - 3 * a if a < 1 else outside * a)
    found = strong_wolfe(evaluate, evaluate(0.0), 50.0)
    assert 0 < found.step < 1
    assert abs(found.slope) <= 0.9 * 2


def test_where_rounding_hides_the_decrease_the_slopes_decide():
    """1 + 1e-13 (a - 1)²: no two values near the minimum differ."""
    evaluate, _ = line(lambda a: 1 + 1e-18 * (a - 1) ** 2)
    found = strong_wolfe(evaluate, evaluate(0.0), 0.05)
    assert found.step == pytest.approx(1.0, abs=0.95)
    assert abs(found.slope) <= 0.9 * 2e-18


def test_nothing_is_found_where_nothing_decreases():
    """The slope that is claimed is wrong: the function rises."""
    evaluate, _ = line(lambda a: 1 + a)
    assert strong_wolfe(evaluate, Trial(0.0, 1.0, -1.0, torch.zeros(1)), 1.0) is None
