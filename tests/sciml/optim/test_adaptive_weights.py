"""Each rule against its formula, worked by hand on two losses."""

import math

import pytest
import torch

from sciml.optim import DWA, LRA, NTK, ReLoBRaLo, SelfAdaptive


def parameter():
    return torch.nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))


def step(balancer, a, b):
    """The weights after a step with losses of these values, and the update, which shows them too."""
    p = parameter()
    balancer.backward({"a": a * p[0], "b": b * p[1] / 2}, [p])
    assert p.grad.tolist() == pytest.approx([a * balancer.weights["a"], b * balancer.weights["b"] / 2])
    return balancer.weights["a"], balancer.weights["b"]


def softmax(x, y):
    return 2 * math.exp(x) / (math.exp(x) + math.exp(y)), 2 * math.exp(y) / (math.exp(x) + math.exp(y))


def test_lra():
    """Gradients (2, 4) and (0, 1): the largest of the first is 4, the mean of the second 1/2, so ŵ = 8."""
    p, balancer = parameter(), LRA()

    def losses():
        return {"pde": p.square().sum(), "boundary": p[1] + 0 * p[0]}

    balancer.backward(losses(), [p])
    assert balancer.weights == pytest.approx({"pde": 1, "boundary": 0.9 + 0.1 * 8})
    assert p.grad.tolist() == pytest.approx([2, 4 + 1.7])
    for _ in range(9):
        balancer.backward(losses(), [p])
    assert balancer.weights["boundary"] == pytest.approx(1.7)
    balancer.backward(losses(), [p])
    assert balancer.weights["boundary"] == pytest.approx(0.9 * 1.7 + 0.1 * 8)


def test_lra_with_several_equations():
    p, balancer = parameter(), LRA(reference=["continuity", "momentum"], rate=1.0)
    balancer.backward({"boundary": p[0], "continuity": 3 * p[0], "momentum": -p[0] + p[1]}, [p])
    assert balancer.weights == pytest.approx({"boundary": 2 / 0.5, "continuity": 1, "momentum": 1})


def test_lra_keeps_the_weight_of_a_loss_without_gradient():
    p, balancer = parameter(), LRA(rate=1.0)
    balancer.backward({"pde": p.sum(), "boundary": 0 * p.sum()}, [p])
    assert balancer.weights == {"pde": 1, "boundary": 1}


def scaled(jacobians):
    """J_i over √N_i, as tasks give them."""
    return lambda: {name: j / len(j) ** 0.5 for name, j in jacobians.items()}


def test_ntk_weights_are_quotients_of_traces():
    generator = torch.Generator().manual_seed(0)
    jacobians = {"a": torch.randn(5, 2, generator=generator, dtype=torch.float64)}
    jacobians["b"] = 10 * torch.randn(7, 2, generator=generator, dtype=torch.float64)
    p, balancer = parameter(), NTK()
    balancer.prepare(scaled(jacobians))
    traces = {name: float(torch.trace(j @ j.T)) / len(j) for name, j in jacobians.items()}
    expected = {name: sum(traces.values()) / trace for name, trace in traces.items()}
    assert balancer.weights == pytest.approx(expected)

    losses = {name: (j @ p).square().mean() for name, j in jacobians.items()}
    balancer.backward(losses, [p])
    total = sum(expected[name] * (j @ p).square().mean() for name, j in jacobians.items())
    torch.testing.assert_close(p.grad, *torch.autograd.grad(total, p))


def test_ntk_weights_change_every_so_many_steps():
    """r = 3 p_0 and p_0 + p_1 have traces 9 and 2; then 1 and 2."""
    balancer = NTK(rate=0.5, every=2)
    rows = {"a": torch.tensor([[3.0, 0.0]]).double(), "b": torch.tensor([[1.0, 1.0]]).double()}
    seen = []
    for scale in (1.0, 1.0, 1 / 3):
        balancer.prepare(scaled({"a": scale * rows["a"], "b": rows["b"]}))
        seen.append(balancer.weights)
    first = {"a": 0.5 + 0.5 * 11 / 9, "b": 0.5 + 0.5 * 11 / 2}
    assert seen[0] == pytest.approx(first)
    assert seen[1] == seen[0]
    assert seen[2] == pytest.approx({"a": 0.5 * first["a"] + 0.5 * 3, "b": 0.5 * first["b"] + 0.5 * 1.5})


def test_ntk_keeps_the_weight_of_a_residual_that_no_parameter_changes():
    balancer = NTK()
    balancer.prepare(scaled({"a": torch.ones(3, 2).double(), "b": torch.zeros(3, 2).double()}))
    assert balancer.weights == {"a": 1.0, "b": 1.0}


def test_relobralo_without_lookback_always_compares_with_the_first_step():
    balancer = ReLoBRaLo(alpha=0.7, lookback=0.0, temperature=0.5)
    assert step(balancer, 4, 8) == (1, 1)
    first, recent = softmax(2 * 2 / 4, 2 * 6 / 8), softmax(2 * 2 / 4, 2 * 6 / 8)
    assert step(balancer, 2, 6) == pytest.approx(
        [0.7 * f + 0.3 * r for f, r in zip(first, recent, strict=True)]
    )
    first, recent = softmax(2 * 1 / 4, 2 * 6 / 8), softmax(2 * 1 / 2, 2 * 6 / 6)
    assert step(balancer, 1, 6) == pytest.approx(
        [0.7 * f + 0.3 * r for f, r in zip(first, recent, strict=True)]
    )


def test_relobralo_with_full_lookback_keeps_its_history():
    balancer = ReLoBRaLo(alpha=0.7, lookback=1.0, temperature=1.0)
    step(balancer, 4, 8)
    before = (0.7 + 0.3 * softmax(2 / 4, 6 / 8)[0], 0.7 + 0.3 * softmax(2 / 4, 6 / 8)[1])
    assert step(balancer, 2, 6) == pytest.approx(before)
    recent = softmax(1 / 2, 6 / 6)
    assert step(balancer, 1, 6) == pytest.approx(
        [0.7 * w + 0.3 * r for w, r in zip(before, recent, strict=True)]
    )


def test_relobralo_draws_by_its_seed():
    def run(seed):
        balancer = ReLoBRaLo(alpha=0.9, lookback=0.5, seed=seed)
        return [step(balancer, 1 + n % 3, 2 + n % 5) for n in range(20)]

    assert run(0) == run(0)
    assert run(0) != run(1)


def test_dwa():
    balancer = DWA()
    assert step(balancer, 4, 8) == (1, 1)
    assert step(balancer, 2, 6) == (1, 1)
    assert step(balancer, 1, 1) == pytest.approx(softmax(2 / 4 / 2, 6 / 8 / 2))
    assert step(balancer, 9, 9) == pytest.approx(softmax(1 / 2 / 2, 1 / 6 / 2))


def test_dwa_averages_over_a_stretch():
    balancer = DWA(every=2)
    weights = [step(balancer, a, b) for a, b in [(1, 2), (3, 4), (5, 2), (1, 2), (7, 7), (7, 7)]]
    assert weights[:4] == [(1, 1)] * 4
    assert weights[4] == weights[5] == pytest.approx(softmax(3 / 2 / 2, 2 / 3 / 2))


def test_self_adaptive():
    balancer = SelfAdaptive({"b": 5.0}, rate=0.1)
    assert step(balancer, 4, 8) == (1, 5)
    assert step(balancer, 2, 6) == pytest.approx((1 + 0.4, 5 + 0.8))
    assert step(balancer, 0, 0) == pytest.approx((1 + 0.4 + 0.2, 5 + 0.8 + 0.6))


@pytest.mark.parametrize("make", [DWA, ReLoBRaLo])
def test_losses_that_are_zero_leave_finite_weights(make):
    balancer = make()
    for a, b in [(0, 1), (0, 2), (1, 0), (1e-300, 1e300), (0, 0)]:
        weights = step(balancer, a, b)
        assert all(math.isfinite(w) for w in weights)
        assert sum(weights) == pytest.approx(2)


def test_bad_options_are_named():
    with pytest.raises(ValueError, match="rate must be above 0 and at most 1, not 2"):
        LRA(rate=2)
    with pytest.raises(ValueError, match="every must be positive, not 0"):
        NTK(every=0)
    with pytest.raises(ValueError, match="temperature must be positive, not 0"):
        DWA(temperature=0)
    with pytest.raises(ValueError, match="lookback must be from 0 to 1, not 3"):
        ReLoBRaLo(lookback=3)
    with pytest.raises(ValueError, match="rate must be positive, not -1"):
        SelfAdaptive(rate=-1)
