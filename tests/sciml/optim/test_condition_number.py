import itertools
import math

import pytest
import torch

from operators import MLP, FourierSeries
from pdes import Dirichlet, Heat, Initial, Interval, Problem, TimeDomain
from pdes.benchmarks import burgers_shock, poisson_1d
from sciml.optim import Conditioning, conditioning, precondition
from sciml.tasks import PinnTask


def series(modes, order=0.0):
    domain = poisson_1d().domain
    return FourierSeries(1, 1, harmonics=modes, order=order, lower=domain.lower, upper=domain.upper).double()


def poisson_matrix(harmonics, weight):
    """A of the plain series in closed form: the diagonal 0, k⁴/2, k⁴/2, and w v vᵀ with v the values at ±π."""
    k = torch.arange(1, harmonics + 1, dtype=torch.float64)
    v = torch.cat([torch.ones(1), (-1) ** k, torch.zeros(harmonics)])
    return torch.diag(torch.cat([torch.zeros(1), k**4 / 2, k**4 / 2])) + weight * torch.outer(v, v)


@pytest.mark.parametrize("weight", [0.1, 1.0, 30.0])
def test_poisson_in_closed_form(weight):
    found = conditioning(poisson_1d(), series(6), weights={"u_boundary": weight}, conditions=2)
    matrix = poisson_matrix(6, weight)
    torch.testing.assert_close(found.eigenvalues.flip(0), torch.linalg.eigvalsh(matrix), rtol=0.02, atol=0)
    torch.testing.assert_close(found.diagonal, matrix.diagonal(), rtol=0.02, atol=0)
    assert found.condition_number == found.range_condition_number > 0.98 * 6**4


def test_without_the_boundary_the_constant_is_free():
    found = conditioning(poisson_1d(), series(6), weights={"u_boundary": 0.0})
    assert found.rank == 12
    assert found.condition_number == math.inf
    assert found.range_condition_number == pytest.approx(6**4, rel=0.02)


@pytest.mark.parametrize("order", [0.0, 2.0])
def test_the_rescaled_number_does_not_grow(order):
    """Scaled by k² it is O(1), as only the constant and the boundary are left; without scaling it grows like K⁴."""
    numbers = [
        conditioning(poisson_1d(), series(k, order), weights={"u_boundary": 0.1}).condition_number
        for k in (5, 10, 20)
    ]
    growth = [math.log2(b / a) for a, b in itertools.pairwise(numbers)]
    assert growth == pytest.approx([4, 4] if order == 0 else [0, 0], abs=0.05)


def test_preconditioning_makes_the_diagonal_one_and_keeps_the_function():
    model = series(20)
    torch.nn.init.normal_(model.layer.weight)
    x = torch.linspace(-3, 3, 9, dtype=torch.float64)[:, None]
    before = model(x)
    precondition(poisson_1d(), model, weights={"u_boundary": 0.1})
    torch.testing.assert_close(model(x), before, rtol=1e-9, atol=1e-9)
    found = conditioning(poisson_1d(), model, weights={"u_boundary": 0.1})
    torch.testing.assert_close(found.diagonal, torch.ones(41, dtype=torch.float64), rtol=1e-5, atol=0)
    assert found.condition_number < 3


def test_what_cannot_be_preconditioned():
    with pytest.raises(ValueError, match="1 functions of the series change no residual"):
        precondition(poisson_1d(), series(3), weights={"u_boundary": 0.0})


def test_the_spectrum_is_that_of_the_least_squares_jacobian():
    """The same points, another way to the Jacobian: jets and outer products."""
    torch.manual_seed(0)
    problem, model = burgers_shock(), MLP(2, 1, width=6, depth=2, lower=[-1, 0], upper=[1, 1]).double()
    task = PinnTask(problem, interior=90, conditions={"boundary": 20, "initial": 20}, dtype=torch.float64)
    parts = task.least_squares(model, task.batch(0, model), list(model.parameters()), jacobian=True)
    weights = {"initial": 9.0}
    jacobian = torch.cat([weights.get(name, 1.0) ** 0.5 * rows for name, (_, rows) in parts.items()])
    found = conditioning(problem, model, weights=weights, interior=90, conditions=20)
    expected = Conditioning.of(jacobian)
    torch.testing.assert_close(found.eigenvalues, expected.eigenvalues, rtol=1e-8, atol=1e-14)
    torch.testing.assert_close(found.diagonal, expected.diagonal)


def test_an_unknown_coefficient_is_a_parameter():
    kappa = torch.nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
    problem = Problem("rod", Heat(kappa), Interval(0, 1) * TimeDomain(0, 1), (Dirichlet("u"), Initial("u")))
    model = FourierSeries(2, 1, harmonics=1, lower=[0, 0], upper=[1, 1]).double()
    with torch.no_grad():
        model.layer.weight[0, 3] = 1.0
    # r = u_t - κ u_xx with u = cos πz, z = 2x - 1, so that ∂r/∂κ = 4π² cos πz
    found = conditioning(problem, model)
    assert len(found.diagonal) == 10
    assert float(found.diagonal[-1]) == pytest.approx(8 * math.pi**4, rel=0.01)


def test_rank_and_cutoff():
    found = Conditioning.of(torch.diag(torch.tensor([2.0, 1e-3, 0.0], dtype=torch.float64)))
    assert found.rank == 2
    assert found.condition_number == math.inf
    assert found.range_condition_number == pytest.approx(4e6)
    assert Conditioning.of(torch.diag(torch.tensor([2.0, 1e-3])), cutoff=1e-6).rank == 1
    assert (
        "2 parameters, 2 residuals: condition number inf, 1 on the range of rank 1 (eigenvalues above 1e-06"
        in str(Conditioning.of(torch.diag(torch.tensor([2.0, 1e-3])), cutoff=1e-6))
    )


def test_small_eigenvalues_keep_their_digits():
    """JᵀJ in float64 has no eigenvalue of 1e-24 beside one of 1; the singular values of J have it."""
    torch.manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(n, 2, dtype=torch.float64)).Q for n in (5, 2))
    jacobian = left @ torch.diag(torch.tensor([1.0, 1e-12], dtype=torch.float64)) @ right.T
    assert Conditioning.of(jacobian).condition_number == pytest.approx(1e24, rel=1e-2)


def test_fewer_residuals_than_parameters():
    found = Conditioning.of(torch.eye(2, 5, dtype=torch.float64))
    assert found.eigenvalues.tolist() == [1, 1, 0, 0, 0]
    assert (found.rank, found.condition_number, found.range_condition_number) == (2, math.inf, 1.0)


def test_the_best_constant_step():
    """The error falls by (κ - 1) / (κ + 1) a step in both the steepest and the flattest direction."""
    scale = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    found = Conditioning.of(torch.diag(scale))
    theta = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=found.learning_rate)
    (scale * theta).square().sum().backward()
    optimizer.step()
    rate = (found.condition_number - 1) / (found.condition_number + 1)
    assert theta.detach()[[0, 2]].abs().tolist() == pytest.approx([rate, rate])


def test_single_precision_has_its_own_cutoff():
    found = conditioning(poisson_1d(), series(4).float(), interior=100)
    assert found.cutoff == (torch.finfo(torch.float32).eps * 300) ** 2
    assert found.eigenvalues.dtype == torch.float64


def test_bad_input():
    problem, model = poisson_1d(), series(4)
    with pytest.raises(ValueError, match="weights name the losses wall; the task has poisson, u_boundary"):
        conditioning(problem, model, weights={"wall": 1.0})
    with pytest.raises(
        ValueError, match=r"about 1200 residuals by 9 parameters.*need 0\.0 GiB; use fewer points"
    ):
        conditioning(problem, model, memory=1e5)
    with pytest.raises(ValueError, match="parameters that are trained"):
        conditioning(problem, model.requires_grad_(False))
    broken = series(4)
    broken.scale[3] = float("nan")
    with pytest.raises(FloatingPointError, match="residual 'poisson' has derivatives"):
        conditioning(problem, broken)
