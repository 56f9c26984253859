"""The compiled pointwise maps give what torch's operations give."""

import pytest
import torch
import torch.nn.functional as F

from operators import fused_pointwise
from operators.fused_pointwise import FusedBlock, FusedMLP
from pdes import native

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")


def random(*shape):
    generator = torch.Generator().manual_seed(sum(shape))
    return (
        torch.randn(*shape, generator=generator) / shape[-1] ** 0.5
        if len(shape) > 1
        else torch.randn(*shape, generator=generator)
    ).requires_grad_()


def mlp(x, w1, b1, w2, b2):
    return torch.addmm(b2[:, None], w2, F.gelu(torch.addmm(b1[:, None], w1, x)))


def block(x, s, activated, gate, w, b, *layers):
    act = F.gelu if activated else lambda y: y
    return act(mlp(act(s + b[:, None] + w @ x), *layers) + gate * x)


def assert_equal(function, expected, arguments):
    """Values and all gradients, against float64."""
    exact = [a.detach().double().requires_grad_() if isinstance(a, torch.Tensor) else a for a in arguments]
    y, truth = function(*arguments), expected(*exact)
    torch.testing.assert_close(y.double(), truth, rtol=1e-5, atol=2e-6)
    weight = torch.cos(truth.detach())
    found = torch.autograd.grad(y, [a for a in arguments if isinstance(a, torch.Tensor)], weight.float())
    truths = torch.autograd.grad(truth, [a for a in exact if isinstance(a, torch.Tensor)], weight)
    for one, other in zip(found, truths, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("sizes", "points"), [((3, 64, 32), 1000), ((7, 5, 1), 23), ((1, 1, 2), 24)])
def test_mlp(sizes, points, threads):
    a, b, c = sizes
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert_equal(
            FusedMLP.apply, mlp, [4 * random(a, points), random(b, a), random(b), random(c, b), random(c)]
        )
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("activated", [True, False])
@pytest.mark.parametrize(("width", "hidden", "points"), [(32, 16, 1000), (5, 7, 25)])
def test_block(width, hidden, points, activated):
    fields = [4 * random(width, points), 3 * random(width, points)]
    layers = [
        random(width, width),
        random(width),
        random(hidden, width),
        random(hidden),
        random(width, hidden),
        random(width),
    ]
    assert_equal(FusedBlock.apply, block, [*fields, activated, random(width, 1), *layers])


def test_gelu_far_out():
    """It saturates, and NaN stays NaN."""
    x = torch.tensor([[-50.0, -6.0, -1.0, 0.0, 1.0, 6.0, 50.0, float("nan")]])
    one, zero = torch.ones(1, 1), torch.zeros(1)
    found = FusedMLP.apply(x, one, zero, one, zero)
    torch.testing.assert_close(found, F.gelu(x), rtol=1e-6, atol=1e-6, equal_nan=True)


def test_where_it_serves():
    x = torch.randn(4, 10)
    assert fused_pointwise.available(x, 4, 128)
    assert not fused_pointwise.available(x, 4, 129)
    assert not fused_pointwise.available(x.double(), 4)
    assert not fused_pointwise.available(x.to(torch.bfloat16), 4)
