import copy
import itertools
import math

import pytest
import torch

from operators import MLP
from pdes.benchmarks import burgers_shock
from sciml.optim import LevenbergMarquardt
from sciml.tasks import PinnTask


def parameter(*values):
    return torch.nn.Parameter(torch.tensor(values, dtype=torch.float64))


def rosenbrock(p):
    """r = (10 (y - x²), 1 - x), zero at (1, 1)."""

    def linearise(jacobian):
        x, y = p.detach()
        r = torch.stack([10 * (y - x**2), 1 - x])
        return r, torch.stack(
            [torch.stack([-20 * x, 10 + 0 * x]), torch.tensor([-1.0, 0.0]).double()]
        ) if jacobian else None

    return linearise


def test_a_linear_problem_is_solved_in_one_undamped_step():
    torch.manual_seed(0)
    A, b = torch.randn(9, 4, dtype=torch.float64), torch.randn(9, dtype=torch.float64)
    p = parameter(0, 0, 0, 0)
    LevenbergMarquardt([p], damping=1e-14).step(lambda _: (A @ p.detach() - b, A.clone()))
    torch.testing.assert_close(p.detach(), torch.linalg.lstsq(A, b).solution, rtol=1e-9, atol=1e-9)


def test_rows_and_columns_give_the_same_step():
    """With fewer residuals than parameters the system is solved in row space; padding with zero rows forces the other."""
    torch.manual_seed(0)
    A, b = torch.randn(3, 7, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    wide, tall = parameter(*[0.0] * 7), parameter(*[0.0] * 7)
    zeros = torch.zeros(7, 7, dtype=torch.float64)
    LevenbergMarquardt([wide], damping=0.1).step(lambda _: (A @ wide.detach() - b, A.clone()))
    LevenbergMarquardt([tall], damping=0.1).step(
        lambda _: (torch.cat([A @ tall.detach() - b, zeros[0]]), torch.cat([A, zeros]))
    )
    torch.testing.assert_close(wide, tall, rtol=1e-9, atol=1e-12)


def test_rosenbrock():
    p = parameter(-1.2, 1.0)
    optimizer = LevenbergMarquardt([p])
    costs = [optimizer.step(rosenbrock(p)) for _ in range(40)]
    assert all(b <= a for a, b in itertools.pairwise(costs))
    torch.testing.assert_close(p.detach(), torch.ones(2, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def test_a_step_never_makes_things_worse(caplog):
    """The Jacobian points the wrong way: no damping helps, and the parameters stay."""
    p = parameter(1.0, 2.0)
    before = p.detach().clone()

    def linearise(_):
        return p.detach().clone(), -torch.eye(2, dtype=torch.float64)

    with caplog.at_level("WARNING"):
        assert LevenbergMarquardt([p]).step(linearise) == pytest.approx(5.0)
    assert "the parameters stay" in caplog.text
    assert torch.equal(p.detach(), before)


def test_residuals_that_are_not_finite_leave_the_parameters():
    p = parameter(1.0)
    with pytest.raises(FloatingPointError, match="not finite"):
        LevenbergMarquardt([p]).step(
            lambda _: (torch.tensor([float("nan")]).double(), torch.ones(1, 1).double())
        )
    assert p.item() == 1.0


def test_a_system_too_large_says_how_large():
    p = parameter(*[0.0] * 500)
    with pytest.raises(ValueError, match=r"1000 residuals and 500 parameters needs 0\.0 GiB.*or LBFGS"):
        LevenbergMarquardt([p], memory=1e6).step(
            lambda _: (torch.ones(1000).double(), torch.ones(1000, 500).double())
        )


@pytest.mark.parametrize("options", [{}, {"momentum": 0.5}, {"line_search": 3, "corrections": 0}])
def test_a_resumed_optimizer_goes_on_bit_for_bit(options):
    p, q = parameter(-1.2, 1.0), parameter(-1.2, 1.0)
    first = LevenbergMarquardt([p], **options)
    for _ in range(3):
        first.step(rosenbrock(p))
    with torch.no_grad():
        q.copy_(p)
    second = LevenbergMarquardt([q], **options)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for _ in range(3):
        first.step(rosenbrock(p))
        second.step(rosenbrock(q))
    assert torch.equal(p, q)


def test_corrections_solve_the_damped_problem_and_not_its_linearisation():
    """r = (x, 10 (y - x²)) with λ D² = λ: the step from (1, 1) minimises |r(θ - s)|² + λ |s|² among those along Jᵀ.

    The fixed point of the corrections is Jᵀ r(θ - s) = λ s with J as it was.
    """
    p = parameter(1.0, 1.0)
    J = torch.tensor([[1.0, 0.0], [-20.0, 10.0]], dtype=torch.float64)

    def residual(x, y):
        return torch.stack([x, 10 * (y - x**2)])

    def linearise(_):
        return residual(*p.detach()), J.clone()

    LevenbergMarquardt([p], damping=100.0, scaling=0.0, corrections=50).step(linearise)
    step = 1 - p.detach()
    torch.testing.assert_close(J.T @ residual(*p.detach()), 100.0 * step, rtol=2e-2, atol=0)
    q = parameter(1.0, 1.0)
    LevenbergMarquardt([q], damping=100.0, scaling=0.0, corrections=0).step(
        lambda _: (residual(*q.detach()), J.clone())
    )
    linear = 1 - q.detach()
    torch.testing.assert_close(
        (J.T @ J + 100 * torch.eye(2)) @ linear, J.T @ residual(*torch.ones(2).double())
    )


def test_corrections_save_steps_in_a_curved_valley():
    def steps(corrections):
        p = parameter(-1.2, 1.0)
        optimizer = LevenbergMarquardt([p], damping=1.0, corrections=corrections)
        return next(k for k in range(100) if optimizer.step(rosenbrock(p)) < 1e-20)

    assert steps(8) < steps(0)


def test_the_step_does_not_depend_on_the_scale_of_parameters_with_marquardts_damping():
    torch.manual_seed(0)
    A, b = torch.randn(9, 4, dtype=torch.float64), torch.randn(9, dtype=torch.float64)
    factors = torch.tensor([1.0, 3.0, 0.3, 2.0], dtype=torch.float64)
    p, q = parameter(0, 0, 0, 0), parameter(0, 0, 0, 0)
    # D is relative to the mean of the squared column norms, so the damping is made the same
    ratio = ((A * factors).square().sum() / A.square().sum()).item()
    LevenbergMarquardt([p], damping=0.1, scaling=1.0).step(lambda _: (A @ p.detach() - b, A.clone()))
    LevenbergMarquardt([q], damping=0.1 * ratio, scaling=1.0).step(
        lambda _: (A @ (factors * q.detach()) - b, A * factors)
    )
    torch.testing.assert_close(factors * q, p, rtol=1e-9, atol=1e-12)


def test_momentum_is_the_minimum_around_a_share_of_the_last_step():
    torch.manual_seed(0)
    A, b = torch.randn(3, 5, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    p = parameter(*[0.0] * 5)
    optimizer = LevenbergMarquardt([p], damping=1.0, scaling=0.0, momentum=0.5, corrections=0)
    optimizer.step(lambda _: (A @ p.detach() - b, A.clone()))
    before, damping = p.detach().clone(), optimizer.param_groups[0]["damping"]
    optimizer.step(lambda _: (A @ p.detach() - b, A.clone()))
    s, c, r = before - p.detach(), -0.5 * before, A @ before - b
    torch.testing.assert_close(A.T @ (r - A @ s), damping * (s - c), rtol=1e-9, atol=1e-12)


def test_a_singular_system_is_damped():
    p = parameter(1.0, 1.0)
    cost = LevenbergMarquardt([p], damping=1e-18).step(
        lambda _: (p.detach().sum().repeat(3), torch.ones(3, 2, dtype=torch.float64))
    )
    assert cost < 1e-6
    assert torch.isfinite(p).all()


def test_the_line_search_shortens_a_step_that_is_too_long():
    """r = arctan x from 3: the whole step of 12.5 and half of it overshoot to larger |r|, a quarter ends near 0."""

    def linearise(p):
        return lambda _: (torch.atan(p.detach()), (1 / (1 + p.detach() ** 2))[:, None])

    p = parameter(3.0)
    optimizer = LevenbergMarquardt([p], damping=1e-12, corrections=0, line_search=6)
    optimizer.step(linearise(p))
    full = math.atan(3.0) * 10
    assert (3.0 - p.item()) / full == pytest.approx(0.25)
    assert optimizer.param_groups[0]["damping"] <= 2e-12


@pytest.mark.parametrize(
    "options",
    [{"damping": 0.0}, {"momentum": 1.0}, {"scaling": 1.5}, {"corrections": -1}, {"line_search": -1}],
)
def test_options_out_of_range_are_named(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        LevenbergMarquardt([parameter(1.0)], **options)


def test_the_jacobian_of_a_pinn_is_that_of_automatic_differentiation():
    torch.manual_seed(0)
    network = MLP(2, 1, width=5, depth=2, lower=[-1, 0], upper=[1, 1]).double()
    task = PinnTask(
        burgers_shock(), interior=6, conditions={"boundary": 4, "initial": 4}, dtype=torch.float64
    )
    batch = task.batch(0, network)
    parameters = list(network.parameters())
    parts = task.least_squares(network, batch, parameters, jacobian=True)
    losses = task.losses(network, batch)
    for name, residual in task.residuals(network, batch).items():
        scaled, jacobian = parts[name]
        assert float(scaled @ scaled) == pytest.approx(float(losses[name].detach()))
        for k in range(len(residual)):
            gradients = torch.autograd.grad(
                residual[k], parameters, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            expected = torch.cat([g.reshape(-1) for g in gradients]) / len(residual) ** 0.5
            torch.testing.assert_close(jacobian[k], expected, rtol=1e-9, atol=1e-12)
