import math

import pytest
import torch

from operators import FourierFeatures, FourierMLP


def test_spread_of_each_coordinate():
    torch.manual_seed(0)
    embedding = FourierFeatures((0, 1, 1), 4000, [2.0, 5.0], trainable=False)
    torch.testing.assert_close(embedding.matrix.std(0), torch.tensor([2.0, 5.0, 5.0]), rtol=0.05, atol=0)
    torch.testing.assert_close(embedding.matrix.mean(0), torch.zeros(3), rtol=0, atol=0.3)


def test_the_kernel_is_a_gaussian():
    """The mean of φ(x)·φ(y) tends to exp(-|σ (x - y)|² / 2), the Fourier transform of the distribution of B."""
    torch.manual_seed(0)
    embedding = FourierFeatures((0, 1), 20000, [1.0, 3.0], trainable=False)
    x, y = torch.tensor([[0.1, 0.2]]), torch.tensor([[0.8, 0.5]])
    expected = math.exp(-0.5 * (0.7**2 + (3 * 0.3) ** 2))
    assert float((embedding(x) * embedding(y)).sum() / 20000) == pytest.approx(expected, abs=0.02)


def test_matrix_is_saved_and_trained_only_where_asked():
    fixed, trained = FourierMLP(2, 1), FourierMLP(2, 1, trainable=True)
    assert "embedding.matrix" in fixed.state_dict()
    assert "embedding.matrix" not in dict(fixed.named_parameters())
    assert "embedding.matrix" in dict(trained.named_parameters())


def test_depth_one_by_hand():
    torch.manual_seed(0)
    model = FourierMLP(2, 1, frequencies=3, width=4, depth=1, sigma=[1, 2]).double()
    first, last = model.layers
    assert first.weight.shape == (4, 6)
    x = torch.rand(5, 2, dtype=torch.float64)
    angle = x @ model.embedding.matrix.T
    torch.testing.assert_close(model(x), last(torch.tanh(first(torch.cat([angle.cos(), angle.sin()], 1)))))


@pytest.mark.parametrize("sigma", [0, [1.0], [1.0, -1.0]])
def test_wrong_sigma(sigma):
    with pytest.raises(ValueError, match="give a positive number, or one for each of the 2 coordinates"):
        FourierMLP(2, 1, sigma=sigma)


def test_wrong_frequencies():
    with pytest.raises(ValueError, match=r"frequencies \(0\) must be at least 1"):
        FourierMLP(2, 1, frequencies=0)
