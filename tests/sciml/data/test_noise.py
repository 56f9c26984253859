import pytest
import torch

from sciml.data import with_noise


def noisy(x, level=0.1, seed=0):
    return with_noise(x, level, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("level", [0.01, 0.1])
def test_its_norm_is_the_stated_share_in_every_sample_and_channel(level):
    x = torch.linspace(1, 2, 100 * 100).reshape(100, 100)
    x = torch.stack([torch.stack([x, 1e3 * x]), torch.stack([1e-3 * x, x.sin()])])
    noise = noisy(x, level) - x
    share = noise.flatten(2).norm(dim=2) / x.flatten(2).norm(dim=2)
    # the norm of 10⁴ normal numbers has a relative spread of 1/√(2·10⁴) = 0.7 %
    torch.testing.assert_close(share, torch.full((2, 2), level), rtol=0.04, atol=0)
    assert (noise.mean((2, 3)).abs() < 4 / 100 * noise.square().mean((2, 3)).sqrt()).all()


def test_points_samples_and_channels_are_independent():
    noise = (noisy(torch.ones(2, 2, 10_000)) - 1).flatten(0, 1)
    rows = torch.cat([noise, noise.roll(1, 1)])
    correlation = torch.corrcoef(rows) - torch.eye(8)
    assert correlation.abs().max() < 0.05


def test_the_seed_alone_decides():
    x = torch.rand(3, 1, 16, dtype=torch.float64)
    assert torch.equal(noisy(x), noisy(x))
    assert not torch.equal(noisy(x), noisy(x, seed=1))
    assert noisy(x.float()).dtype == torch.float32
    torch.testing.assert_close(noisy(x.float()).double(), noisy(x), rtol=1e-6, atol=1e-6)
    assert torch.equal(noisy(torch.zeros(1, 1, 4)), torch.zeros(1, 1, 4))
