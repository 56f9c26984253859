import math

import pytest
import torch

from pdes.grid import Axis, Grid
from sciml.data.dataset import Channel
from sciml.evaluate import Physics, TestSet, residual_norms


def test_the_solver_in_place_of_a_model(recipes, heat_set):
    test = heat_set()
    physics = Physics(recipes["heat"], {}, test)
    torch.testing.assert_close(physics.solve(test.inputs, test.grid, 0.05), test.targets)
    coarse = test.grid.resized(16)
    solved = physics.solve(test.inputs[..., ::2], coarse, 0.05)
    torch.testing.assert_close(solved, test.targets[..., ::2])


def test_parameters_of_the_file_come_before_those_of_the_recipe(recipes, heat_set):
    physics = Physics(recipes["heat"], {"kappa": 0.3, "other": 1.0}, heat_set())
    assert physics.pde.kappa == 0.3


def test_solutions_have_the_residual_of_the_time_stencil(recipes, heat_set):
    """It falls with the fourth power of the time between frames."""
    norms = []
    for n in (11, 21):
        test = heat_set(times=[0.2 * i / (n - 1) for i in range(n)])
        rows = residual_norms(Physics(recipes["heat"], {}, test), test, test.targets)
        assert [(row["residual"], row["norm"]) for row in rows] == [("heat", "L2"), ("heat", "H-1")]
        assert rows[0]["prediction"] == rows[0]["reference"]
        assert rows[1]["prediction"] < rows[0]["prediction"]
        norms.append(rows[0]["prediction"])
    # the ends, where stencils are one-sided, hold most of it, and are twice as narrow a part of the finer series
    assert math.log2(norms[0] / norms[1]) == pytest.approx(4.5, abs=0.4)


def test_too_few_frames_for_a_time_derivative(recipes, heat_set):
    test = heat_set(times=(0.0, 0.2))
    with pytest.raises(
        ValueError, match="at least three equally distant frames in inputs and targets; there are 2"
    ):
        residual_norms(Physics(recipes["heat"], {}, test), test, test.targets)


def test_the_residual_of_a_known_mistake(recipes):
    """-Δ(u + ε sin πx sin πy) - f = 2 π² ε sin πx sin πy where u is the solution."""
    norms = []
    for n in (17, 33):
        grid = Grid(Axis(name, n, convention="vertices") for name in "xy")
        x, y = grid.mesh()
        mistake = torch.sin(math.pi * x) * torch.sin(math.pi * y)[None, None]
        parabola = ((x - x**2) / 2)[None, None]
        # u = x (1 - x) / 2 satisfies the equation, and stencils are exact for it; walls in y do not matter to a residual
        test = TestSet(
            "darcy", grid, torch.ones_like(parabola), parabola, 1, (Channel("a", 0.0),), (Channel("u", 0.0),)
        )
        row = residual_norms(Physics(recipes["darcy"], {}, test), test, parabola + 0.1 * mistake)[0]
        assert row["reference"] < 1e-10
        square = ((2 * math.pi**2 * 0.1 * mistake) ** 2).mean()
        norms.append(abs(row["prediction"] / float(square.sqrt()) - 1))
    assert norms[1] < 1e-4
    assert norms[0] > 8 * norms[1]


def test_a_stream_function_follows_from_the_vorticity(recipes):
    """Taylor and Green's vortices, whose stream function is a multiple of their vorticity."""
    grid = Grid(Axis(name, 16, periodic=True) for name in "xy")
    x, y = (2 * math.pi * c for c in grid.mesh())
    times = [0.1 * i for i in range(9)]
    fading = torch.tensor([math.exp(-2 * 0.01 * (2 * math.pi) ** 2 * t) for t in times], dtype=torch.float64)
    w = (fading[:, None, None] * torch.cos(x) * torch.cos(y))[None]
    channels = tuple(Channel("w", time) for time in times)
    test = TestSet("flow", grid, w[:, :1], w[:, 1:], 1, channels[:1], channels[1:])
    rows = residual_norms(Physics(recipes["flow"], {}, test), test, test.targets)
    by_name = {row["residual"]: row for row in rows if row["norm"] == "L2"}
    rate = 2 * 0.01 * (2 * math.pi) ** 2
    assert by_name["vorticity"]["prediction"] < 1e-4 * rate
    assert by_name["stream"]["prediction"] < 1e-12
    # a field that does not fade violates the first equation by its viscous term, and never the second
    frozen = w[:, :1].expand(-1, 8, -1, -1)
    rows = residual_norms(Physics(recipes["flow"], {}, test), test, frozen)
    by_name = {row["residual"]: row for row in rows if row["norm"] == "L2"}
    assert by_name["vorticity"]["prediction"] == pytest.approx(rate * 0.5, rel=1e-6)
    assert by_name["stream"]["prediction"] < 1e-12


def test_what_a_recipe_does_not_solve(recipes, heat_set):
    test = heat_set()
    inverse = TestSet(
        "back", test.grid, test.targets, test.inputs, 1, (Channel("v", 0.0),) * 2, (Channel("u", 0.0),)
    )
    with pytest.raises(ValueError, match="from v to u is not what the recipe 'heat' solves"):
        Physics(recipes["heat"], {}, inverse)
    vector = (Channel("u", 0.0, component=1),)
    with pytest.raises(ValueError, match="'u' is no scalar field"):
        Physics(recipes["heat"], {}, TestSet("v", test.grid, test.inputs, test.inputs, 1, vector, vector))
