import math

import mpmath
import pytest
import torch

from pdes import check_pde
from pdes.benchmarks import burgers_shock
from pdes.benchmarks.burgers_shock import cole_hopf


def exact(x, t, nu):
    """The Cole-Hopf integrals by adaptive quadrature with 30 digits."""
    with mpmath.workdps(30):
        width = mpmath.sqrt(4 * nu * t)
        peak = 1 / (2 * mpmath.pi * nu)

        def weight(eta):
            return mpmath.exp(-peak * (1 + mpmath.cos(mpmath.pi * (x - width * eta))) - eta**2)

        pieces = mpmath.linspace(-14, 14, 57)
        top = mpmath.quad(lambda e: mpmath.sin(mpmath.pi * (x - width * e)) * weight(e), pieces)
        return float(-top / mpmath.quad(weight, pieces))


@pytest.mark.parametrize(
    "point", [(0.3, 0.05), (-0.01, 0.3), (0.004, 0.5), (0.7, 0.99), (-0.95, 1.0), (0.02, 1.0)]
)
def test_cole_hopf_is_correct_to_ten_digits(point):
    found = float(cole_hopf(torch.tensor([point], dtype=torch.float64)))
    assert found == pytest.approx(exact(*point, 0.01 / math.pi), abs=1e-10)


def test_more_nodes_change_nothing():
    z = torch.stack([g.reshape(-1) for g in burgers_shock().test_grid.mesh()], 1)
    assert float((cole_hopf(z) - cole_hopf(z, nodes=200)).abs().max()) < 1e-10


def test_reference_solves_the_problem():
    problem = burgers_shock()
    figures = check_pde(problem.pde, solution=cole_hopf)
    assert figures["solution"] < 1e-8
    for condition in problem.conditions:
        points = condition.sample(problem.domain, 64, torch.Generator().manual_seed(0), torch.float64)
        residual = condition.residual(points, problem.domain, problem.evaluate(problem.reference))
        assert float(residual.detach().abs().max()) < 1e-10


def test_test_grid():
    assert burgers_shock().test_grid.shape == (256, 100)
