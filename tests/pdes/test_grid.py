import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdes import CONVENTIONS, Axis, Grid

axes = st.builds(
    lambda n, lower, length, convention: Axis("x", n, lower, lower + length, convention),
    st.integers(2, 300),
    st.sampled_from([-1.0, 0.0, 0.5, 100.0]),
    st.sampled_from([0.25, 1.0, 2.0]),
    st.sampled_from(CONVENTIONS),
)


@given(axes)
def test_points_lie_where_the_convention_says(axis):
    x = axis.points()
    assert len(x) == axis.n
    torch.testing.assert_close(x.diff(), torch.full((axis.n - 1,), axis.spacing, dtype=torch.float64))
    first = axis.spacing / 2 if axis.convention == "centres" else 0.0
    assert float(x[0]) == pytest.approx(axis.lower + first)
    gap = {"half-open": axis.spacing, "vertices": 0.0, "centres": axis.spacing / 2}[axis.convention]
    assert float(x[-1]) == pytest.approx(axis.upper - gap)


@given(axes, st.sampled_from([np.float32, np.float64]))
def test_an_axis_is_found_again_from_its_points(axis, dtype):
    points = axis.points().numpy().astype(dtype)
    found = Axis.from_points("x", points, convention=axis.convention)
    assert found == axis or dtype == np.float32
    # float32 coordinates know the ends up to their rounding
    assert (found.lower, found.upper) == pytest.approx((axis.lower, axis.upper), abs=1e-6 * abs(axis.upper))
    assert found.n == axis.n


def test_ends_are_not_rounded_away():
    axis = Axis("x", 50, 0.0, 2 * math.pi, periodic=True)
    for points in (axis.points(), axis.points(torch.float32)):
        assert Axis.from_points("x", points, periodic=True).upper == pytest.approx(2 * math.pi, rel=1e-7)


def test_convention_is_inferred_where_it_can_be():
    half_open = Axis("x", 8, periodic=True)
    assert Axis.from_points("x", half_open.points(), periodic=True) == half_open
    assert Axis.from_points("x", [0, 0.5, 1]).convention == "vertices"
    assert Axis.from_points("x", [0.125, 0.375, 0.625, 0.875]) == Axis("x", 4, convention="centres")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", 8, 0, 1, "cells"), "unknown grid convention 'cells'"),
        (("x", 1), "at least 2"),
        (("x", 4, 1, 1), "must exceed"),
        (("x", 4, 0, 1, "vertices", True), "its two ends are one point"),
    ],
)
def test_bad_axes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Axis(*arguments)


def test_bad_points_are_named():
    with pytest.raises(ValueError, match="not uniform"):
        Axis.from_points("x", [0, 1, 3])
    with pytest.raises(ValueError, match="not uniform and increasing"):
        Axis.from_points("x", [2, 1, 0])
    with pytest.raises(ValueError, match="not finite"):
        Axis.from_points("x", [0, float("nan"), 1])


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
            axis.nested(n)
    else:
        torch.testing.assert_close(axis.points()[axis.nested(n)], axis.resized(n).points())


def test_grid():
    grid = Grid([Axis("x", 3), Axis("y", 4)])
    x, y = grid.mesh()
    assert grid.shape == x.shape == y.shape == (3, 4)
    assert float(x[1, 2]) == pytest.approx(1 / 3)
    assert float(y[1, 2]) == pytest.approx(2 / 4)
    assert grid.resized(6).shape == (6, 6)
    assert grid.resized(6, 8)["y"].n == 8
    with pytest.raises(ValueError, match="once"):
        Grid([Axis("x", 3), Axis("x", 4)])
    with pytest.raises(KeyError, match="axes x, y"):
        grid["z"]
    with pytest.raises(ValueError, match="2 sizes, not 3"):
        grid.resized(1, 2, 3)
