"""FFTs, products with matrices and products with tables are one expansion."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import SpectralConv, axis_transform
from operators.axis_transform import analyse, products_are_faster, synthesise
from operators.bases import Expansion
from pdes import native


def both_ways(call):
    """The same call with FFTs and with products, wherever they are faster."""
    for products in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(axis_transform, "products_are_faster", lambda *_, products=products: products)
            yield call()


@settings(deadline=None, max_examples=60)
@given(
    modes=st.integers(1, 9),
    extra=st.integers(0, 5),
    convention=st.sampled_from(["half-open", "vertices", "centres"]),
    half=st.booleans(),
    shift=st.integers(0, 1),
    dim=st.integers(1, 2),
)
def test_ways_agree(modes, extra, convention, half, shift, dim):
    expansion = Expansion("fourier", modes, half=half)
    n = max(2, modes + extra) + (convention == "vertices")
    shape = [2, 3, 4, 5]
    shape[dim] = n
    x = torch.randn(shape, dtype=torch.float64 if half else torch.complex128)
    z, by_products = both_ways(lambda: analyse(x, dim, expansion, convention))
    torch.testing.assert_close(by_products, z, rtol=0, atol=1e-12)
    shift = 0 if half else shift
    y, by_products = both_ways(lambda: synthesise(z, dim, expansion, n, convention, shift))
    torch.testing.assert_close(by_products, y, rtol=0, atol=1e-11)
    assert y.shape == x.shape
    assert y.is_complex() != half


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("products", [False, True])
def test_gradients(half, products, monkeypatch):
    monkeypatch.setattr(axis_transform, "products_are_faster", lambda *_: products)
    expansion = Expansion("fourier", 4, half=half)
    x = torch.randn(2, 6, 2, dtype=torch.float64 if half else torch.complex128, requires_grad=True)

    def there_and_back(x):
        return synthesise(analyse(x, 1, expansion, "vertices") ** 2, 1, expansion, 6, "vertices")

    assert torch.autograd.gradcheck(there_and_back, x, check_forward_ad=half)
    assert torch.autograd.gradgradcheck(there_and_back, x)


@pytest.mark.parametrize("cost", [1, 2])
@pytest.mark.parametrize("points", [16, 85, 128, 240, 241, 1024])
def test_rule(points, cost):
    """If products are faster for some modes they are so for fewer, and on an awkward number of points for no fewer than beside it."""
    chosen = [products_are_faster(m, points, cost) for m in range(1, 1000)]
    few = chosen.index(False)
    assert not any(chosen[few:])
    assert 32 <= few <= 256
    assert products_are_faster(64, 85, cost)
    assert products_are_faster(96, 241, cost) > products_are_faster(96, 128, cost)


@pytest.mark.parametrize(
    ("modes", "by_fft"),
    [
        ([16, 100], {2}),
        ([100, 16], {1}),
        ([100, 100], {1, 2}),
        ([16, 16], set()),
        ([8, 100, 100], {2, 3}),
        ([8, 100, 8], {2}),
    ],
)
def test_each_axis_goes_its_own_way(modes, by_fft, monkeypatch):
    if native.compiler() is None:
        by_fft = by_fft | {len(modes)}  # the kernel's axis
    layer = SpectralConv(1, 2, modes, bias=False)
    x = torch.randn(1, *[m if m == 100 else m + 4 for m in modes], 1)
    seen = set()
    for name in ("fft", "rfft", "ifft", "irfft"):
        plain = getattr(torch.fft, name)

        def watched(x, *arguments, plain=plain, dim, **named):
            seen.add(dim)
            return plain(x, *arguments, dim=dim, **named)

        monkeypatch.setattr(torch.fft, name, watched)
    y = layer.channels_last(x).detach()
    assert seen == by_fft
    monkeypatch.undo()
    expected = next(both_ways(lambda: layer.inverse(layer.mix(layer.transform(x)), x.shape[1:-1]))).detach()
    torch.testing.assert_close(y, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


def test_bases_share_a_field():
    """Between walls along one axis, with many modes along another: an FFT there, and the same operator as at twice the points."""
    layer = SpectralConv(1, 1, [6, 80], basis=["sine", "fourier"], grid=["vertices", "half-open"], bias=False)
    layer = layer.double()

    def output(n, p):
        s, t = torch.linspace(0, 1, n).double()[:, None], (torch.arange(p).double() / p)[None]
        field = sum(torch.sin(math.pi * k * s) * torch.cos(2 * math.pi * j * t + k) for k, j in WAVES)
        return layer(field[None, None]).detach()[0, 0]

    torch.testing.assert_close(output(17, 160)[::2, ::2], output(33, 320)[::4, ::4], rtol=0, atol=1e-11)


WAVES = [*itertools.product((1, 2, 5), (0, 3, 30))]
