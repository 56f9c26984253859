import pytest
import torch

from operators import MLP
from operators.dense import ACTIVATIONS


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


@pytest.mark.parametrize(("adaptive", "entries"), [("layer", 1), ("neuron", 5)])
def test_adaptive_slopes_start_as_the_plain_network(adaptive, entries):
    torch.manual_seed(0)
    plain = MLP(2, 1, width=5, depth=3).double()
    torch.manual_seed(0)
    model = MLP(2, 1, width=5, depth=3, adaptive=adaptive, slope_scale=4.0).double()
    points = torch.rand(6, 2, dtype=torch.float64)
    torch.testing.assert_close(model(points), plain(points))
    assert [slope.numel() for slope in model.slopes] == [entries] * 3
    assert all(bool((slope == 0.25).all()) for slope in model.slopes)


def test_slopes_by_hand():
    model = MLP(1, 1, width=3, depth=1, adaptive="neuron", slope_scale=2.0).double()
    slope = torch.tensor([0.1, 0.7, -1.0], dtype=torch.float64)
    with torch.no_grad():
        model.slopes[0].copy_(slope)
    first, last = model.layers
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]
    torch.testing.assert_close(model(x), torch.tanh(2 * slope * (x @ first.weight.T)) @ last.weight.T)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="unknown activation 'relu'; choose one of tanh, silu, gelu, sin"):
        MLP(1, 1, activation="relu")
    with pytest.raises(ValueError, match="unknown adaptive 'global'; choose one of none, layer, neuron"):
        MLP(1, 1, adaptive="global")
    with pytest.raises(ValueError, match=r"slope_scale \(0\) must be positive"):
        MLP(1, 1, adaptive="layer", slope_scale=0)
