import pytest
import torch

from operators import PirateNet


def test_starts_as_a_linear_combination_of_its_features():
    torch.manual_seed(0)
    model = PirateNet(2, 3, width=8, depth=4).double()
    x = torch.rand(5, 2, dtype=torch.float64)
    assert all(block.alpha == 0 for block in model.blocks)
    torch.testing.assert_close(model(x), model.last(model.embedding(x)))


def test_one_block_by_hand():
    torch.manual_seed(0)
    model = PirateNet(2, 1, width=6, depth=1).double()
    block = model.blocks[0]
    with torch.no_grad():
        block.alpha.fill_(0.3)
    z = torch.rand(5, 2, dtype=torch.float64)
    x = model.embedding(z)
    u, v = (torch.tanh(encoder(x)) for encoder in model.encoders)
    first, second, third = block.layers
    f = torch.tanh(first(x))
    g = torch.tanh(second(f * u + (1 - f) * v))
    h = torch.tanh(third(g * u + (1 - g) * v))
    torch.testing.assert_close(model(z), model.last(0.3 * h + 0.7 * x))


def test_start_of_the_paper():
    torch.manual_seed(0)
    model = PirateNet(2, 1, width=400, depth=1, sigma=3.0)
    assert float(model.embedding.matrix.std()) == pytest.approx(3, rel=0.1)
    for layer in (*model.encoders, *model.blocks[0].layers):
        assert float(layer.weight.detach().std()) == pytest.approx((2 / 800) ** 0.5, rel=0.03)
        assert not layer.bias.any()


def test_width_is_even():
    with pytest.raises(ValueError, match=r"width \(7\) must be even"):
        PirateNet(2, 1, width=7)
