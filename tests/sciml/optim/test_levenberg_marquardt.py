import itertools

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
    LevenbergMarquardt([p], damping=1e-14).step(lambda _: (A @ p.detach() - b, A))
    torch.testing.assert_close(p.detach(), torch.linalg.lstsq(A, b).solution, rtol=1e-9, atol=1e-9)


def test_rows_and_columns_give_the_same_step():
    """With fewer residuals than parameters the system is solved in row space; padding with zero rows forces the other."""
    torch.manual_seed(0)
    A, b = torch.randn(3, 7, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    wide, tall = parameter(*[0.0] * 7), parameter(*[0.0] * 7)
    zeros = torch.zeros(7, 7, dtype=torch.float64)
    LevenbergMarquardt([wide], damping=0.1).step(lambda _: (A @ wide.detach() - b, A))
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


def test_a_step_never_makes_things_worse():
    """The Jacobian points the wrong way: no damping helps, and the parameters stay."""
    p = parameter(1.0, 2.0)
    before = p.detach().clone()

    def linearise(_):
        return p.detach().clone(), -torch.eye(2, dtype=torch.float64)

    assert LevenbergMarquardt([p]).step(linearise) == pytest.approx(5.0)
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


def test_the_damping_is_part_of_the_state():
    p, q = parameter(-1.2, 1.0), parameter(-1.2, 1.0)
    first = LevenbergMarquardt([p])
    for _ in range(3):
        first.step(rosenbrock(p))
    with torch.no_grad():
        q.copy_(p)
    second = LevenbergMarquardt([q])
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        first.step(rosenbrock(p))
        second.step(rosenbrock(q))
    assert torch.equal(p, q)


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
