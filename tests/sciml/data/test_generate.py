import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdes.grid import CONVENTIONS, Axis, Grid
from sciml.data.generate import draw, nested


@given(
    n=st.integers(2, 12),
    factor=st.integers(1, 9),
    convention=st.sampled_from(CONVENTIONS),
    lower=st.floats(-3, 3),
)
def test_nested_points_are_those_of_the_coarse_axis(n, factor, convention, lower):
    fine = (n - 1) * factor + 1 if convention == "vertices" else n * factor
    axis = Axis("x", fine, lower, lower + 2.0, convention)
    if convention == "centres" and factor % 2 == 0:
        with pytest.raises(ValueError, match=f"resolution {n} is not nested in the {fine} centres points"):
            nested(axis, n)
    else:
        torch.testing.assert_close(axis.points()[nested(axis, n)], axis.resized(n).points())


def test_phases_and_constants():
    grid = Grid([Axis("x", 64, periodic=True)])
    law = {"alpha": 2.0, "tau": 3.0, "boundary": "periodic", "modes": 8, "mean_zero": True}
    plain = draw({"a": law}, grid, 5)["a"]
    made = draw({"a": {**law, "threshold": {"below": 0.1, "above": 12}}, "f": {"constant": 0.3}}, grid, 5)
    assert torch.equal(made["a"] == 12, plain >= 0)
    assert torch.equal(made["a"] == 0.1, plain < 0)
    assert torch.equal(made["f"], torch.full((64,), 0.3, dtype=torch.float64))
