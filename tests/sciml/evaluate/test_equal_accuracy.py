import pytest
import torch

from pdes.grid import Axis, Grid
from pdes.solvers import solve_darcy
from sciml.data.dataset import Channel
from sciml.evaluate import Physics, TestSet, equal_accuracy


def off_by(test, factor):
    """A model that is wrong by this factor everywhere."""
    return lambda inputs, _: (1 + factor) * test.targets[: len(inputs)]


def test_the_coarsest_grid_that_is_accurate_enough(recipes, heat_set):
    test = heat_set(n=64)
    found = equal_accuracy(off_by(test, 0.01), Physics(recipes["heat"], {}, test), test)
    assert found["rel_l2"] == pytest.approx(0.01)
    # three waves are below a third of 12 points, not of 8; the solver is exact in time for a linear equation
    assert found["solver_resolution"] == 12
    assert found["solver_rel_l2"] < 1e-10
    assert [attempt["resolution"] for attempt in found["attempts"]] == [4, 4, 6, 6, 8, 8, 12]
    assert all(attempt["rel_l2"] == pytest.approx(1) for attempt in found["attempts"][:-1])
    assert found["speedup"] == pytest.approx(found["solver_s"] / found["model_s"])
    assert found["solver_why"] is None


def test_a_model_more_accurate_than_the_solver(recipes, heat_set):
    test = heat_set(n=6)
    physics = Physics(recipes["heat"], {}, test)
    found = equal_accuracy(off_by(test, 1e-3), physics, test)
    assert found["solver_s"] is found["solver_resolution"] is found["speedup"] is None
    assert found["solver_why"].startswith("the smallest error of the solver is 1.00e+00")


def test_walls_have_nested_grids(recipes):
    grid = Grid(Axis(name, 33, convention="vertices") for name in "xy")
    a = 2 + torch.cos(3 * grid.mesh()[0]).expand(2, 33, 33)
    u = solve_darcy(a, grid)[:, None]
    channels = (Channel("a", 0.0),), (Channel("u", 0.0),)
    test = TestSet("darcy", grid, a[:, None], u, 1, *channels)
    found = equal_accuracy(off_by(test, 0.01), Physics(recipes["darcy"], {}, test), test)
    # of second order: its error falls fourfold from grid to grid
    sizes = [attempt["resolution"] for attempt in found["attempts"]]
    errors = [attempt["rel_l2"] for attempt in found["attempts"]]
    assert sizes == [5, 9, 17][: len(sizes)]
    assert errors[-1] <= 0.01 < errors[-2]
    assert 3 < errors[-2] / errors[-1] < 6
    assert all(attempt["dt"] is None for attempt in found["attempts"])


def test_the_search_ends_in_time(recipes, heat_set, monkeypatch):
    monkeypatch.setitem(equal_accuracy.__globals__, "_BUDGET_S", 0.0)
    test = heat_set(n=64)
    found = equal_accuracy(off_by(test, 0.01), Physics(recipes["heat"], {}, test), test)
    assert [attempt["resolution"] for attempt in found["attempts"]] == [4]
    assert found["solver_why"].endswith("on 4 points; the search ended after 0 s")
