"""The compiled pointwise maps give what torch's operations give."""

import pytest
import torch
import torch.nn.functional as F

from operators import fused_pointwise
from operators.fused_pointwise import FusedMLP
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
    return F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2)


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
        layers = random(b, a), random(b), random(c, b), random(c)
        assert_equal(FusedMLP.apply, mlp, [4 * random(points, a), *layers])
    finally:
        torch.set_num_threads(before)


def test_gelu_far_out():
    """It saturates, and NaN stays NaN."""
    x = torch.tensor([[-50.0], [-6.0], [-1.0], [0.0], [1.0], [6.0], [50.0], [float("nan")]])
    one, zero = torch.ones(1, 1), torch.zeros(1)
    found = FusedMLP.apply(x, one, zero, one, zero)
    torch.testing.assert_close(found, F.gelu(x), rtol=1e-6, atol=1e-6, equal_nan=True)


def test_where_it_serves():
    x = torch.randn(4, 10)
    assert fused_pointwise.available(x, 4, 256)
    assert not fused_pointwise.available(x, 4, 257)
    assert not fused_pointwise.available(x.double(), 4)
    assert not fused_pointwise.available(x.to(torch.bfloat16), 4)
