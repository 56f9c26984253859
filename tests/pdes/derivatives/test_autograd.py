import pytest
import torch

from pdes.derivatives import Autograd


@pytest.fixture
def points():
    return torch.rand(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


def test_derivatives_of_a_closed_form(points):
    x, t = points.unbind(1)
    u = torch.sin(2 * x) * torch.exp(-3 * t)
    d = Autograd(("x", "t"), points)
    torch.testing.assert_close(d(u, "x"), 2 * torch.cos(2 * x) * torch.exp(-3 * t))
    torch.testing.assert_close(d(u, "xxt"), 12 * u)
    torch.testing.assert_close(d(u, "xxxx"), 16 * u)


def test_order_of_names_does_not_matter(points):
    x, t = points.unbind(1)
    u = x**3 * t**2
    d = Autograd(("x", "t"), points)
    torch.testing.assert_close(d(u, "tx"), d(u, "xt"))
    torch.testing.assert_close(d(u, "xt"), 6 * x**2 * t)


def test_nested_expressions(points):
    x, t = points.unbind(1)
    a, u = 1 + x**2, torch.cos(x) * t
    d = Autograd(("x", "t"), points)
    expected = 2 * x * -torch.sin(x) * t - (1 + x**2) * torch.cos(x) * t
    torch.testing.assert_close(d(a * d(u, "x"), "x"), expected)


def test_one_backward_pass_serves_all_first_derivatives(points, monkeypatch):
    calls = []
    original = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: calls.append(1) or original(*a, **k))
    x, t = points.unbind(1)
    u = torch.sin(x) * t
    d = Autograd(("x", "t"), points)
    d(u, "x"), d(u, "t"), d(u, "xx"), d(u, "xt")
    assert len(calls) == 2


def test_a_constant_has_zero_derivative(points):
    d = Autograd(("x", "t"), points)
    assert torch.equal(d(torch.ones(7, dtype=torch.float64), "x"), torch.zeros(7, dtype=torch.float64))


def test_bad_input_is_named(points):
    d = Autograd(("x", "t"), points)
    with pytest.raises(ValueError, match="coordinates are x, t"):
        d(points[:, 0], "y")
    with pytest.raises(ValueError, match="requires_grad"):
        Autograd(("x", "t"), points.detach())
    with pytest.raises(ValueError, match=r"\(n, 3\)"):
        Autograd(("x", "y", "t"), points)
