import itertools

import pytest

from sciml.optim import learning_rate_factor


@pytest.mark.parametrize(
    ("schedule", "ends"), [("constant", (1, 1)), ("cosine", (1, 0)), ("one-cycle", (0.04, 0))]
)
def test_ends(schedule, ends):
    assert (learning_rate_factor(schedule, 0), learning_rate_factor(schedule, 1)) == pytest.approx(ends)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_stays_between_0_and_1_and_is_continuous(schedule):
    values = [learning_rate_factor(schedule, i / 1000) for i in range(-10, 1011)]
    assert 0 <= min(values) <= max(values) <= 1
    assert max(values) > 0.999
    assert max(abs(a - b) for a, b in itertools.pairwise(values)) < 0.01


def test_unknown_schedule_is_named():
    with pytest.raises(ValueError, match="'linear'; choose constant"):
        learning_rate_factor("linear", 0.5)
