"""What every exported balancer must do, whatever its rule."""

import io
from functools import partial

import pytest
import torch

import sciml.optim
from sciml.optim import Balancer, TorchJD

BALANCERS = {
    name: value
    for name in sciml.optim.__all__
    if isinstance(value := getattr(sciml.optim, name), type)
    and issubclass(value, Balancer)
    and value is not Balancer
} | {"TorchJD": partial(TorchJD, "IMTLG")}
NAMED_LOSSES = {
    "ConFIG": {"weights": {"boundry": 2.0}},
    "LRA": {"reference": ["boundry"]},
    "MomentumConFIG": {"weights": {"boundry": 2.0}},
    "MultiAdam": {"groups": {"all": ["pde", "boundary", "boundry"]}},
    "SelfAdaptive": {"weights": {"boundry": 2.0}},
    "WeightedSum": {"weights": {"boundry": 2.0}},
}
"""Options that name a loss that there is not."""

every_balancer = pytest.mark.parametrize("make", BALANCERS.values(), ids=BALANCERS)


def start(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 2), (4,), (), (2, 2))
    return [torch.nn.Parameter(torch.randn(s, generator=generator, dtype=dtype)) for s in shapes]


def losses(parameters, step=0):
    """Two losses that conflict and change from step to step; none depends on the last parameter."""
    matrix, vector, scalar, _ = parameters
    return {
        "pde": (matrix.sum() - scalar - 0.1 * step).square() + vector.square().mean(),
        "boundary": 30 * (matrix.sum() - 2 * vector.sum()).square() + (scalar + 1).square(),
    }


def train(balancer, parameters, steps):
    optimizer = torch.optim.SGD(parameters, lr=1e-3)
    for step in steps:
        balancer.backward(losses(parameters, step), parameters)
        optimizer.step()


@every_balancer
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sets_finite_gradients_of_the_right_shapes(make, dtype):
    parameters, balancer = start(dtype), make()
    for step in range(4):
        balancer.backward(losses(parameters, step), parameters)
        for p in parameters:
            assert p.grad.shape == p.shape
            assert p.grad.dtype == dtype
            assert torch.isfinite(p.grad).all()
    assert any(p.grad.abs().max() > 0 for p in parameters)


@every_balancer
def test_a_parameter_that_no_loss_depends_on_gets_zero(make):
    parameters, balancer = start(), make()
    for step in range(4):
        balancer.backward(losses(parameters, step), parameters)
        assert torch.equal(parameters[-1].grad, torch.zeros(2, 2, dtype=torch.float64))


@every_balancer
def test_a_loss_by_itself_is_descended(make):
    parameters, balancer = start(), make()
    for step in range(4):
        loss = losses(parameters, step)["boundary"]
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        balancer.backward({"boundary": loss}, parameters)
        inner = sum((p.grad * g).sum() for p, g in zip(parameters, gradients, strict=True) if g is not None)
        assert inner > 0


@every_balancer
@pytest.mark.parametrize("stop", [1, 2, 5])
def test_resumes_bit_for_bit(make, stop):
    whole = start()
    train(make(), whole, range(12))

    parameters, balancer = start(), make()
    train(balancer, parameters, range(stop))
    file = io.BytesIO()
    torch.save(balancer.state_dict(), file)
    file.seek(0)
    resumed = make()
    resumed.load_state_dict(torch.load(file, weights_only=True))
    train(resumed, parameters, range(stop, 12))
    assert all(torch.equal(a, b) for a, b in zip(parameters, whole, strict=True))


@every_balancer
def test_the_state_before_the_first_step_undoes_a_rehearsal(make):
    expected = start()
    train(make(), expected, range(6))

    parameters, balancer = start(), make()
    before = balancer.state_dict()
    balancer.backward(losses(parameters, 3), parameters)
    balancer.load_state_dict(before)
    train(balancer, parameters, range(6))
    assert all(torch.equal(a, b) for a, b in zip(parameters, expected, strict=True))


@every_balancer
def test_gradients_may_be_changed_in_place(make):
    """As clipping does: what a balancer remembers must not change with them."""
    left, right = start(), start()
    clipped, untouched = make(), make()
    for step in range(5):
        clipped.backward(losses(left, step), left)
        untouched.backward(losses(right, step), right)
        assert all(torch.equal(a.grad, b.grad) for a, b in zip(left, right, strict=True))
        for p in left:
            p.grad.zero_()


@every_balancer
def test_the_objective_has_the_gradient_that_is_set(make):
    parameters, balancer = start(), make()
    objective = balancer.objective(losses(parameters))
    if objective is None:
        return
    expected = torch.autograd.grad(objective, parameters, allow_unused=True, materialize_grads=True)
    balancer.backward(losses(parameters), parameters)
    for p, g in zip(parameters, expected, strict=True):
        torch.testing.assert_close(p.grad, g)


@every_balancer
def test_weights_that_it_tells_are_those_of_the_gradient_that_it_sets(make):
    """And the gradients that it tells are those of the losses."""
    parameters, balancer = start(), make()
    for step in range(5):
        exact = [
            torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
            for loss in losses(parameters, step).values()
        ]
        matrix = torch.stack([torch.cat([g.reshape(-1) for g in row]) for row in exact])
        balance = balancer.backward(losses(parameters, step), parameters)
        if balance.gradients is not None:
            torch.testing.assert_close(balance.gradients, matrix)
        if balance.weights is not None and not balancer.makes_updates:
            found = torch.cat([p.grad.reshape(-1) for p in parameters])
            torch.testing.assert_close(torch.as_tensor(balance.weights, dtype=torch.float64) @ matrix, found)
        for p in parameters:
            p.data -= 1e-3 * p.grad


def test_all_but_multiadam_tell_weights():
    silent = set()
    for name, make in BALANCERS.items():
        parameters, balancer = start(), make()
        for step in range(2):
            balance = balancer.backward(losses(parameters, step), parameters)
        if balance.weights is None:
            silent.add(name)
    assert silent == {"MultiAdam"}


@pytest.mark.parametrize("name", ["MomentumConFIG", "MultiAdam"])
@pytest.mark.parametrize("betas", [[0.9], [0.9, 1.0], [-0.1, 0.9]])
def test_wrong_betas_are_named(name, betas):
    with pytest.raises(ValueError, match="betas must be two numbers from 0 to below 1"):
        BALANCERS[name](betas=betas)


@pytest.mark.parametrize("name", NAMED_LOSSES)
def test_an_option_for_an_unknown_loss_is_named(name):
    parameters, balancer = start(), BALANCERS[name](**NAMED_LOSSES[name])
    with pytest.raises(ValueError, match="losses boundry; the task has pde, boundary"):
        balancer.backward(losses(parameters), parameters)
