"""Every problem whose reference is exact: it satisfies the equation and each condition to rounding."""

import pytest
import torch

import pdes.benchmarks
from pdes import point_residual

EXACT = [
    "beltrami",
    "heat_1d",
    "heat_5d",
    "helmholtz_2d",
    "klein_gordon",
    "kovasznay",
    "poisson_1d",
    "poisson_2d",
    "poisson_3d",
    "poisson_5d",
    "wave_1d",
]
# the largest terms of these equations are about 1e3 (wave: 4 * 16π² / 2), each with some tens of roundings
ROUNDING = 1e-10


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("name", EXACT)
def test_reference_solves_the_equation(name):
    problem = getattr(pdes.benchmarks, name)()
    points = problem.domain.sample(256, generator(), torch.float64)
    for key, value in point_residual(problem.pde, problem.reference, points, problem.inputs).items():
        assert float(value.detach().abs().max()) < ROUNDING, key


@pytest.mark.parametrize("name", EXACT)
def test_a_perturbed_reference_does_not(name):
    problem = getattr(pdes.benchmarks, name)()
    points = problem.domain.sample(64, generator(), torch.float64)

    def wrong(z):
        return problem.reference(z) + 0.01 * (z**3).sum(1, keepdim=True)

    residuals = point_residual(problem.pde, wrong, points, problem.inputs)
    assert all(float(value.detach().abs().max()) > 1e-3 for value in residuals.values())


@pytest.mark.parametrize("name", EXACT)
def test_reference_meets_every_condition(name):
    problem = getattr(pdes.benchmarks, name)()
    for condition in problem.conditions:
        points = condition.sample(problem.domain, 64, generator(), torch.float64)
        values = condition.residual(points, problem.domain, problem.evaluate(problem.reference))
        assert float(values.detach().abs().max()) < 1e-13, condition.name


@pytest.mark.parametrize("name", pdes.benchmarks.__all__)
def test_every_problem_has_a_source_and_a_test_grid_on_its_domain(name):
    problem = getattr(pdes.benchmarks, name)()
    assert problem.name == name
    assert problem.source
    assert problem.test_grid.names == problem.domain.coords
    assert tuple(axis.lower for axis in problem.test_grid) == problem.domain.lower
    assert tuple(axis.upper for axis in problem.test_grid) == problem.domain.upper


@pytest.mark.parametrize("name", EXACT)
def test_truth_has_the_fields_on_the_test_grid(name):
    problem = getattr(pdes.benchmarks, name)()
    truth = problem.truth()
    assert truth.shape == (len(problem.pde.fields), *problem.test_grid.shape)
    assert torch.isfinite(truth).all()
