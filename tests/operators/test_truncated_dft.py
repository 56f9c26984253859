"""Products with tables give what FFTs give, and so do their adjoints."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import SpectralConv, axis_transform, truncated_dft
from pdes import native

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")


@pytest.fixture(autouse=True, scope="module")
def ffts_alone():
    """What the layer's `transform` and `inverse` take, to which products are compared."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(axis_transform, "products_are_faster", lambda *_: False)
        yield


def setting(modes, sizes, convention, dtype, *, shift=False):
    layer = SpectralConv(3, 3, modes, grid=convention, odd_axis_shift=shift)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, *sizes, 3, dtype=dtype, generator=generator, requires_grad=True)
    axes = layer.axes_of_products(x)
    assert axes is not None
    return layer, axes, x


def gradient(y, x):
    generator = torch.Generator().manual_seed(1)
    (found,) = torch.autograd.grad(y, x, torch.randn(y.shape, dtype=y.dtype, generator=generator))
    return found


@settings(deadline=None, max_examples=60)
@given(
    data=st.data(),
    dims=st.integers(1, 3),
    convention=st.sampled_from(["half-open", "vertices"]),
    shift=st.booleans(),
)
def test_equal_to_ffts(data, dims, convention, shift):
    modes = data.draw(st.lists(st.integers(1, 11), min_size=dims, max_size=dims))
    extra = data.draw(st.lists(st.integers(0, 6), min_size=dims, max_size=dims))
    sizes = [max(2, m + e) + (convention == "vertices") for m, e in zip(modes, extra, strict=True)]
    layer, axes, x = setting(modes, sizes, convention, torch.float64, shift=shift)
    z, expected = truncated_dft.transform(x, axes), layer.transform(x)
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(gradient(z, x), gradient(expected, x), rtol=0, atol=1e-12)
    z = torch.randn_like(z).requires_grad_()
    y, expected = truncated_dft.inverse(z, axes), layer.inverse(z, sizes)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-11)
    torch.testing.assert_close(gradient(y, z), gradient(expected, z), rtol=0, atol=1e-11)


@pytest.mark.parametrize("threads", [1, 2])
def test_in_single_precision_with_threads(threads):
    layer, axes, x = setting([24, 24], [85, 64], "half-open", torch.float32)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        z = truncated_dft.transform(x, axes)
        y = truncated_dft.inverse(z, axes)
    finally:
        torch.set_num_threads(before)
    expected = layer.transform(x.double())
    torch.testing.assert_close(z, expected.to(z), rtol=0, atol=1e-6)
    torch.testing.assert_close(y, layer.inverse(expected, [85, 64]).to(y), rtol=0, atol=1e-5)


def test_derivatives_of_every_order_and_kind():
    _, axes, x = setting([3, 4], [5, 6], "vertices", torch.float64)

    def there_and_back(x):
        return truncated_dft.inverse(truncated_dft.transform(x, axes) ** 2, axes)

    assert torch.autograd.gradcheck(there_and_back, x, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(there_and_back, x)


def test_operands_that_do_not_lie_in_order():
    layer, axes, x = setting([3, 3], [6, 6], "half-open", torch.float64)
    turned = x.detach().transpose(1, 2)
    expected = layer.transform(turned)
    torch.testing.assert_close(truncated_dft.transform(turned, axes), expected, rtol=0, atol=1e-12)
    z = expected.conj()
    torch.testing.assert_close(truncated_dft.inverse(z, axes), layer.inverse(z, [6, 6]), rtol=0, atol=1e-12)


def test_what_is_not_finite_stays_so():
    _, axes, x = setting([3], [8], "half-open", torch.float64)
    x.data[0, 2, 0] = float("nan")
    z = truncated_dft.transform(x.detach(), axes)
    assert z[0, :, 0].isnan().all()
    assert not z[1:].isnan().any()
    assert not z[..., 1:].isnan().any()
