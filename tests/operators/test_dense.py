import pytest
import torch

from operators.dense import FactorisedLinear, GlorotLinear


def test_glorot_variance():
    torch.manual_seed(0)
    layer = GlorotLinear(300, 100)
    assert float(layer.weight.detach().std()) == pytest.approx((2 / 400) ** 0.5, rel=0.03)
    assert not layer.bias.any()


def test_a_factorised_weight_starts_from_glorot_with_spread_scales():
    torch.manual_seed(0)
    layer = FactorisedLinear(100, 3000)
    assert float(layer.weight.detach().std()) == pytest.approx((2 / 3100) ** 0.5, rel=0.03)
    assert float(layer.log_scale.detach().mean()) == pytest.approx(1, abs=0.01)
    assert float(layer.log_scale.detach().std()) == pytest.approx(0.1, rel=0.05)
    x = torch.randn(4, 100)
    expected = torch.exp(layer.log_scale) * (x @ layer.direction.T)
    torch.testing.assert_close(layer(x), expected)
