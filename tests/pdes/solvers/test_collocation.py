import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

import pdes.benchmarks
from pdes import Darcy, Dirichlet, Neumann, Observation, Poisson, Problem, Rectangle
from pdes.solvers import solve_collocation


def error(solution, problem):
    z = torch.stack([x.reshape(-1) for x in problem.test_grid.mesh()], 1)
    truth = problem.reference(z)
    return float((solution(z) - truth).norm() / truth.norm())


# degrees three apart; the error of a smooth solution falls faster than any power
@pytest.mark.parametrize(
    ("name", "degrees", "final"),
    [
        ("heat_1d", (4, 7, 10), 1e-9),
        ("wave_1d", (16, 20, 24), 2e-5),
        ("klein_gordon", (14, 18, 22), 1e-6),
        ("helmholtz_2d", (16, 20, 24), 1e-5),
        ("kovasznay", (8, 12, 16), 1e-6),
    ],
)
def test_convergence_is_exponential(name, degrees, final):
    """Known solutions: in space and time, of second order in time, nonlinear, a system with a constraint."""
    problem = getattr(pdes.benchmarks, name)()
    errors = [error(solve_collocation(problem, degree), problem) for degree in degrees]
    first, second = (math.log(a / b) for a, b in pairwise(errors))
    assert first > math.log(10)
    assert second > first
    assert errors[-1] < final


def test_flux_conditions_and_a_constant_from_an_observation():
    problem = Problem(
        "neumann",
        Poisson(2),
        Rectangle((0.0, 0.0), (1.0, 2.0)),
        (
            Neumann("u", lambda z: torch.where(z[:, 0] == 1, 2.0, 0.0).double(), name="flux"),
            Observation("u", ((0.25, 0.5),), (1.0625,), name="level"),
        ),
        inputs={"f": -2.0},
    )
    z = torch.rand(20, 2, generator=torch.Generator().manual_seed(0)).double()
    # -Δu = -2 and ∂u/∂n as given: u = x² + constant
    torch.testing.assert_close(solve_collocation(problem, 4)(z)[:, 0], 1 + z[:, 0] ** 2, rtol=0, atol=1e-12)


def root(z):
    """Im √(x + iy), which is harmonic and not smooth at the origin."""
    x, y = z.unbind(1)
    return (torch.sqrt(torch.sqrt(x**2 + y**2)) * torch.sin(torch.atan2(y, x) / 2))[:, None]


def test_a_known_singularity_leaves_a_smooth_rest():
    def exact(z):
        return root(z) + torch.exp(z[:, :1]) * torch.sin(z[:, 1:])

    problem = Problem(
        "singular",
        Poisson(2),
        Rectangle((0.0, 0.0), (1.0, 1.0)),
        (Dirichlet("u", lambda z: exact(z)[:, 0]),),
        inputs={"f": 0.0},
    )
    z = torch.rand(200, 2, generator=torch.Generator().manual_seed(0)).double()
    rest = solve_collocation(replace(problem, known=root), 12)
    assert float((root(z) + rest(z) - exact(z)).abs().max()) < 1e-10
    assert float((solve_collocation(problem, 12)(z) - exact(z)).abs().max()) > 1e-5


def test_bad_input_is_named(monkeypatch):
    problem = pdes.benchmarks.poisson_2d()
    square, u = Rectangle((0.0, 0.0), (1.0, 1.0)), (Dirichlet("u"),)
    with pytest.raises(ValueError, match="degree=1"):
        solve_collocation(problem, 1)
    with pytest.raises(ValueError, match=r"poisson_5d at degree 20 is a dense system of \d+ GiB; lower"):
        solve_collocation(pdes.benchmarks.poisson_5d(), 20)
    darcy = Problem("darcy", Darcy(), square, u, inputs={"a": lambda z: 1 + z[:, 0], "f": 1.0})
    with pytest.raises(ValueError, match="cannot solve darcy: the residual differentiates an expression"):
        solve_collocation(darcy, 4)
    with pytest.raises(RuntimeError, match="poisson_2d: its conditions do not determine u"):
        solve_collocation(replace(problem, conditions=(Neumann("u"),)), 4)
    infinite = replace(problem, inputs={"f": lambda z: z[:, 0] / 0})
    with pytest.raises(FloatingPointError, match="poisson_2d: the residuals at degree 4 are not finite"):
        solve_collocation(infinite, 4)
    monkeypatch.setattr("pdes.solvers.collocation._MOST_STEPS", 2)
    with pytest.raises(
        RuntimeError, match="kovasznay: Newton's method did not converge in 2 steps at degree 6"
    ):
        solve_collocation(pdes.benchmarks.kovasznay(), 6)
