import pytest
import torch

from operators import MLP
from operators.mlp import ACTIVATIONS


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_two_derivatives(activation):
    """The network is smooth enough for a second-order equation."""
    torch.manual_seed(0)
    model = MLP(2, 3, width=5, depth=2, activation=activation, lower=[0, 0], upper=[1, 2]).double()
    points = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    assert model(points).shape == (4, 3)
    assert torch.autograd.gradcheck(model, points)
    assert torch.autograd.gradgradcheck(model, points)


def test_glorot_start():
    torch.manual_seed(0)
    model = MLP(2, 1, width=200, depth=3)
    assert [tuple(p.shape) for p in model.parameters()][::2] == [(200, 2), (200, 200), (200, 200), (1, 200)]
    assert float(model.layers[1].weight.detach().std()) == pytest.approx((2 / 400) ** 0.5, rel=0.05)
    assert not any(layer.bias.any() for layer in model.layers)


def test_depth_one_by_hand():
    model = MLP(1, 1, width=3, depth=1, lower=[0], upper=[4]).double()
    first, last = model.layers
    x = torch.linspace(0, 4, 7, dtype=torch.float64)[:, None]
    torch.testing.assert_close(model(x), torch.tanh((x / 2 - 1) @ first.weight.T) @ last.weight.T)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="unknown activation 'relu'; choose one of tanh, silu, gelu, sin"):
        MLP(1, 1, activation="relu")
    with pytest.raises(ValueError, match=r"depth \(0\) must be at least 1"):
        MLP(1, 1, depth=0)
