import pytest
import torch
from conflictfree.momentum_operator import PseudoMomentumOperator

from sciml.optim import MomentumConFIG


@pytest.fixture
def _float64_by_default():
    """conflictfree makes its moments in torch's default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def quadratics(m, n, seed):
    """m losses (x - a_i)ᵀ D_i (x - a_i) of n parameters, over two decades of scale."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(m, n, generator=generator)
    scales = 10 ** (2 * torch.rand(m, n, generator=generator))

    def losses(x):
        return {str(i): (scales[i] * (x - centres[i]).square()).sum() for i in range(m)}

    return losses


@pytest.mark.usefixtures("_float64_by_default")
@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_agrees_with_conflictfree_over_a_hundred_steps(m):
    losses = quadratics(m, 30, m)
    ours = torch.nn.Parameter(torch.zeros(30))
    theirs = torch.nn.Parameter(torch.zeros(30))
    balancer, operator = MomentumConFIG(), PseudoMomentumOperator(m)
    for step in range(100):
        balancer.backward(losses(ours), [ours])
        (gradient,) = torch.autograd.grad(losses(theirs)[str(step % m)], theirs)
        update = operator.calculate_gradient(step % m, gradient)
        torch.testing.assert_close(ours.grad, update, rtol=1e-5, atol=1e-9)
        with torch.no_grad():
            ours -= 1e-2 * ours.grad
            theirs -= 1e-2 * update
    assert (ours.detach() != 0).any()


def test_nothing_moves_before_every_loss_was_seen():
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    balancer = MomentumConFIG()
    sizes = []
    for _ in range(3):
        balancer.backward({"a": p[0].square(), "b": p[1].square(), "c": p.sum()}, [p])
        sizes.append(float(p.grad.norm()))
    assert sizes[:2] == [0, 0]
    assert sizes[2] > 0


def test_one_loss_is_backpropagated_a_step():
    passes = []
    p = torch.nn.Parameter(torch.ones(2))

    def loss(name):
        value = p.square().sum()
        value.register_hook(lambda _: passes.append(name))
        return value

    balancer = MomentumConFIG()
    for _ in range(5):
        balancer.backward({name: loss(name) for name in "abc"}, [p])
    assert passes == ["a", "b", "c", "a", "b"]


def test_other_losses_than_before_are_named():
    p = torch.nn.Parameter(torch.ones(2))
    balancer = MomentumConFIG()
    balancer.backward({"a": p.sum()}, [p])
    with pytest.raises(ValueError, match="losses are b; the steps before had a"):
        balancer.backward({"b": p.sum()}, [p])


def test_other_losses_need_not_be_given():
    """The updates are the same when each step is given its own loss alone."""
    losses = quadratics(3, 5, 0)
    whole, part = torch.nn.Parameter(torch.zeros(5)), torch.nn.Parameter(torch.zeros(5))
    balancer, frugal = MomentumConFIG(), MomentumConFIG()
    assert frugal.due() is None
    for step in range(7):
        balancer.backward(losses(whole), [whole])
        names = frugal.due()
        assert names == ([str(step % 3)] if step else None)
        frugal.backward({n: v for n, v in losses(part).items() if names is None or n in names}, [part])
        assert torch.equal(whole.grad, part.grad)
        for p in (whole, part):
            p.data -= 0.1 * p.grad
