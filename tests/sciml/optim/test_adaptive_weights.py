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


def test_ntk_is_the_trace_of_the_kernel_for_single_residuals():
    """r_a = 3 p_0 and r_b = p_0 + p_1 have tr K = 9 and 2."""
    p, balancer = parameter(), NTK(rate=1.0)
    balancer.backward({"a": (3 * p[0]).square(), "b": p.sum().square()}, [p])
    assert balancer.weights == pytest.approx({"a": 11 / 9, "b": 11 / 2})


def test_ntk_is_the_mean_of_the_kernel_in_the_direction_of_the_residuals():
    generator = torch.Generator().manual_seed(0)
    jacobians = {"a": torch.randn(5, 2, generator=generator, dtype=torch.float64)}
    jacobians["b"] = 10 * torch.randn(7, 2, generator=generator, dtype=torch.float64)
    p, balancer = parameter(), NTK(rate=1.0)
    balancer.backward({name: (j @ p).square().mean() for name, j in jacobians.items()}, [p])
    rates = {}
    for name, j in jacobians.items():
        r = (j @ p).detach()
        rates[name] = float(r @ j @ j.T @ r / (len(r) * r @ r))
    total = sum(rates.values())
    assert balancer.weights == pytest.approx({name: total / rate for name, rate in rates.items()})


def test_ntk_makes_the_losses_decay_at_one_rate():
    """With independent losses, w_i |∇L_i|² / L_i is the same for all."""
    p, balancer = parameter(), NTK(rate=1.0)
    losses = {"a": (5 * p[0]).square(), "b": (p[1] - 1).square() / 9}
    balancer.backward(losses, [p])
    values = [float(v.detach()) for v in losses.values()]
    gradients = [50.0, 2 / 9]
    decay = [w * g * g / v for w, g, v in zip(balancer.weights.values(), gradients, values, strict=True)]
    assert decay[0] == pytest.approx(decay[1])


def test_ntk_refuses_a_negative_loss():
    p = parameter()
    with pytest.raises(ValueError, match="means of squares; negative: b"):
        NTK().backward({"a": p.square().sum(), "b": -p.sum()}, [p])


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
