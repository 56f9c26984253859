import torch

from operators import FNO, SpectralConv
from operators.mixed_precision import full_precision


def autocast():
    return torch.autocast("cpu", torch.bfloat16)


def test_half_precision_arguments_come_as_float32_under_autocast_alone():
    @full_precision
    def product(a, b):
        return a @ b, torch.is_autocast_enabled("cpu")

    half, full = torch.rand(3, 3).bfloat16(), torch.rand(3, 3)
    with autocast():
        found, casting = product(half, full)
        assert torch.is_autocast_enabled("cpu")
    assert not casting
    assert torch.equal(found, half.float() @ full)
    assert product(half, half)[0].dtype == torch.bfloat16


def test_spectral_convolutions_stay_in_float32():
    """To the last bit, and on grids whose transforms half precision does not know."""
    torch.manual_seed(0)
    convolution = SpectralConv(3, 3, [4, 5])
    x = torch.randn(2, 3, 7, 9)
    with autocast():
        y = convolution(x)
        of_half = convolution(x.bfloat16())
    assert torch.equal(y, convolution(x))
    assert torch.equal(of_half, convolution(x.bfloat16().float()))


def test_pointwise_maps_are_rounded():
    """Kernels in float32 must not take their place unseen."""
    torch.manual_seed(0)
    model, x = FNO(1, 1, [4], 8), torch.randn(2, 1, 16)
    reference = model(x)
    with autocast():
        error = float(((model(x) - reference).norm() / reference.norm()).detach())
    assert 1e-4 < error < 2e-2
