import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciml.data import split_indices


@given(n=st.integers(20, 500), train=st.floats(0.1, 0.8), seed=st.integers(0, 2**32))
def test_disjoint_complete_and_of_the_right_size(n, train, seed):
    fractions = {"train": train, "valid": 0.1, "test": 0.9 - train}
    parts = split_indices(n, fractions, seed)
    assert list(parts) == list(fractions)
    assert torch.equal(torch.cat(list(parts.values())).sort().values, torch.arange(n))
    for name, part in parts.items():
        assert abs(len(part) - fractions[name] * n) <= 1


def test_the_seed_alone_decides():
    fractions = {"train": 0.5, "test": 0.5}
    torch.manual_seed(1)
    first = split_indices(100, fractions, seed=3)["train"]
    torch.manual_seed(2)
    assert torch.equal(first, split_indices(100, fractions, seed=3)["train"])
    assert not torch.equal(first, split_indices(100, fractions, seed=4)["train"])


@pytest.mark.parametrize(
    ("n", "fractions", "message"),
    [
        (10, {"train": 0.5, "test": 0.4}, "sum to 0.9"),
        (10, {"train": 1.5, "test": -0.5}, "negative"),
        (10, {"train": float("nan")}, "negative"),
        (10, {}, "must be given"),
        (2, {"train": 0.9, "test": 0.1}, "'test'.*empty"),
    ],
)
def test_bad_fractions(n, fractions, message):
    with pytest.raises(ValueError, match=message):
        split_indices(n, fractions, seed=0)
