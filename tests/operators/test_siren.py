import math

import pytest
import torch

from operators import SIREN


def test_start_of_the_paper():
    torch.manual_seed(0)
    model = SIREN(2, 1, width=600, depth=4, omega_0=20.0, first_omega=50.0)
    first, *others = model.layers
    assert float(first.weight.detach().abs().max()) == pytest.approx(1 / 2, rel=0.01)
    assert float(first.weight.detach().std()) == pytest.approx(1 / 2 / math.sqrt(3), rel=0.05)
    for layer in others:
        bound = math.sqrt(6 / 600) / 20
        assert float(layer.weight.detach().abs().max()) == pytest.approx(bound, rel=0.02)
        assert float(layer.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_pre_activations_are_standard_normal_at_every_depth():
    torch.manual_seed(0)
    model = SIREN(2, 1, width=600, depth=6, omega_0=30.0, first_omega=30.0)
    z = 2 * torch.rand(500, 2) - 1
    for k, layer in enumerate(model.layers[:-1]):
        product = 30 * z @ layer.weight.detach().T
        if k:
            assert float(product.std()) == pytest.approx(1, rel=0.1)
            assert float((product / product.std()).pow(4).mean()) == pytest.approx(3, rel=0.1)
        z = torch.sin(product + 30 * layer.bias.detach())


def test_depth_two_by_hand():
    torch.manual_seed(0)
    model = SIREN(1, 1, width=3, depth=2, omega_0=4.0, first_omega=2.0).double()
    first, second, last = model.layers
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]
    torch.testing.assert_close(model(x), last(torch.sin(4 * second(torch.sin(2 * first(x))))))


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"omega_0 \(0\) and first_omega \(5.0\) must be positive"):
        SIREN(1, 1, omega_0=0)
