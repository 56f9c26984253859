import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pdes.derivatives import Autograd
from pdes.derivatives.jet import Jet, UnsupportedError
from pdes.derivatives.multi_index import Combination, closure, faa_di_bruno, leibniz, order


def test_closure_holds_every_part():
    assert closure([(0, 0, 1)]) == ((), (0,), (1,), (0, 0), (0, 1), (0, 0, 1))


def test_product_and_chain_rules():
    assert set(leibniz((0, 0))) == {(1, (), (0, 0)), (2, (0,), (0,)), (1, (0, 0), ())}
    assert set(faa_di_bruno((0, 0, 0))) == {(1, ((0, 0, 0),)), (3, ((0,), (0, 0))), (1, ((0,), (0,), (0,)))}
    # Bell numbers count the terms
    assert [sum(c for c, _ in faa_di_bruno((0,) * k)) for k in (1, 2, 3, 4)] == [1, 2, 5, 15]


def test_a_combination_is_one_derivative():
    """u_t - 3 (u_xx + u_yy)"""
    heat = Combination(((1.0, (2,)), (-3.0, (0, 0)), (-3.0, (1, 1))))
    assert order(heat) == 2
    assert closure([heat]) == ((), (0,), (1,), heat)
    assert set(leibniz(heat)) == {(1, (), heat), (1, heat, ()), (-6, (0,), (0,)), (-6, (1,), (1,))}
    assert set(faa_di_bruno(heat)) == {(1, (heat,)), (-3, ((0,), (0,))), (-3, ((1,), (1,)))}


class Network(nn.Module):
    """Every operation that jets know, in one network of two coordinates."""

    def __init__(self, activation):
        super().__init__()
        self.first, self.gate, self.last = nn.Linear(4, 7), nn.Linear(2, 7, bias=False), nn.Linear(7, 3)
        self.activation = activation

    def forward(self, z):
        z = (2 * z - torch.tensor([0.5, 0.2])) / torch.tensor([1.0, 2.0])
        features = torch.cat([torch.sin(z), torch.cos(1.3 * z)], -1)
        hidden = self.activation(self.first(features))
        gate = torch.sigmoid(self.gate(z))
        mixed = gate * hidden + (1 - gate) * torch.exp(-hidden)
        ratio = (mixed - torch.square(hidden) * 0.1) / torch.sqrt(2 + torch.sin(hidden))
        x, t = z.unbind(1) if isinstance(z, torch.Tensor) else torch.unbind(z, 1)
        powers = torch.stack([x**3 - 1 / (3 + t), torch.log(2 + x), t**-1.5], -1)
        return self.last(ratio) * z[:, :1] + powers


COMBINATION = Combination(((1.0, (1,)), (-0.5, (0, 0, 1)), (2.0, (0, 0, 0, 1))))
ACTIVATIONS = [torch.tanh, torch.sin, torch.cos, torch.sigmoid, F.silu, F.gelu]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda f: f.__name__)
def test_equal_to_automatic_differentiation(activation):
    torch.manual_seed(0)
    network = Network(activation).double()
    points = 1 + torch.rand(5, 2, dtype=torch.float64)
    indices = closure([(0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1), COMBINATION])
    # each derivative at fewer points than the one before, as when sets of points share a pass
    counts = [6 - order(index) if index else 5 for index in indices]
    jet = network(Jet.of_coordinates(points, indices, counts))
    leaf = points.clone().requires_grad_()
    outputs = network(leaf)
    d = Autograd(("x", "t"), leaf)
    for field, u in enumerate(outputs.unbind(1)):
        for index, part in zip(indices, jet.layout.split(jet.rows), strict=True):
            terms = index.terms if isinstance(index, Combination) else [(1.0, index)]
            expected = sum(c * (d(u, tuple("xt"[i] for i in one)) if one else u) for c, one in terms)
            torch.testing.assert_close(part[:, field], expected[: len(part)], rtol=1e-10, atol=1e-10)


@given(st.sampled_from(ACTIVATIONS), st.integers(0, 1000))
def test_gradients_by_parameters_and_by_the_jet(activation, seed):
    """The hand-written backward passes, against finite differences."""
    torch.manual_seed(seed)
    indices = closure([(0, 0, 1), (1, 1)])
    data = torch.randn(len(indices), 2, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)

    def forward(data, weight, bias):
        return activation(F.linear(Jet.stacked(indices, data), weight, bias)).data

    assert torch.autograd.gradcheck(forward, (data, weight, bias))


def test_fourth_order_backward():
    indices = closure([(0, 0, 0, 0)])
    data = torch.randn(5, 2, 2, dtype=torch.float64, requires_grad=True)
    for activation in ACTIVATIONS:
        assert torch.autograd.gradcheck(
            lambda data, f=activation: f(Jet.stacked(indices, data)).data, (data,)
        )


def test_an_unknown_operation_is_named():
    jet = Jet.of_coordinates(torch.rand(3, 2), closure([(0,)]))
    with pytest.raises(UnsupportedError, match="relu"):
        torch.relu(jet)
    with pytest.raises(UnsupportedError, match="gelu with approximate='tanh'"):
        F.gelu(jet, approximate="tanh")
    with pytest.raises(UnsupportedError, match="some of the points"):
        jet[:2]
    with pytest.raises(UnsupportedError, match="cat of points"):
        torch.cat([jet, jet])
