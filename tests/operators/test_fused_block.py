"""The compiled Fourier layer gives what the layer's own operations give."""

import pytest
import torch

from operators import SpectralConv, axis_transform, kernels
from operators.fno import FourierBlock
from pdes import native

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")

CASES = [
    ([6, 8], [9, 12], 16, 8, {}),
    ([5], [64], 32, 16, {}),  # a line longer than a block of points
    ([4, 5], [7, 6], 5, 3, {"grid": "vertices"}),
    ([3, 4, 5], [5, 4, 7], 9, 17, {"odd_axis_shift": True}),
]


def results(block, x):
    """Output and all gradients."""
    x = x.detach().requires_grad_()
    y = block(x)
    weight = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).view(y.shape).to(y)
    gradients = torch.autograd.grad(y, [x, *block.parameters()], weight)
    return [y.detach().double(), *(g.double() for g in gradients)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("modes", "sizes", "width", "hidden", "options"), CASES)
def test_equal_to_its_operations_in_float64(modes, sizes, width, hidden, options, last, threads, monkeypatch):
    torch.manual_seed(0)
    block = FourierBlock(SpectralConv(width, width, modes, **options), width, hidden, last=last)
    block.gate.data.normal_()
    x = 2 * torch.randn(3, *sizes, width)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = results(block, x)
        with torch.no_grad():
            assert torch.equal(block(x).double(), found[0])  # where nothing is kept for a backward pass
    finally:
        torch.set_num_threads(before)
    # float64 has FFTs and torch's own operations
    monkeypatch.setattr(SpectralConv, "axes_of_products", lambda *_: None)
    monkeypatch.setattr(axis_transform, "products_are_faster", lambda *_: False)
    for one, truth in zip(found, results(block.double(), x.double()), strict=True):
        torch.testing.assert_close(one, truth, rtol=1e-4, atol=1e-5 * float(truth.abs().max()))


@pytest.fixture
def vectors_of(monkeypatch):
    """Has the kernels made for vectors of so many bytes, whatever the processor's."""

    def choose(size):
        monkeypatch.setattr(kernels, "_VECTOR", size)
        kernels._library.cache_clear()

    yield choose
    kernels._library.cache_clear()


@pytest.mark.parametrize("width", [5, 8, 24, 32])
def test_vectors_of_any_processor(width, vectors_of):
    torch.manual_seed(0)
    block = FourierBlock(SpectralConv(width, width, [4, 4]), width, 7, last=False)
    x = torch.randn(3, 9, 10, width)
    vectors_of(32)
    narrow, spectral = results(block, x), block.spectral.channels_last(x)
    vectors_of(64)
    torch.testing.assert_close(block.spectral.channels_last(x), spectral, rtol=1e-4, atol=1e-5)
    for one, other in zip(results(block, x), narrow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


def test_fields_that_begin_anywhere_in_memory():
    torch.manual_seed(0)
    block = FourierBlock(SpectralConv(8, 8, [4, 4]), 8, 4, last=False)
    x = torch.randn(3, 9, 10, 8)
    moved = torch.cat([torch.zeros(1), x.flatten()])[1:].view(x.shape)
    assert moved.data_ptr() % 32
    for one, other in zip(results(block, moved), results(block, x), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(block.spectral.channels_last(moved), block.spectral.channels_last(x))


def test_runs_are_repeatable():
    torch.manual_seed(0)
    block = FourierBlock(SpectralConv(8, 8, [4, 4]), 8, 4, last=False)
    x = torch.randn(3, 9, 10, 8)
    for one, other in zip(results(block, x), results(block, x), strict=True):
        assert torch.equal(one, other)


def test_what_is_not_finite_stays_in_its_sample():
    block = FourierBlock(SpectralConv(4, 4, [3]), 4, 4, last=False)
    x = torch.randn(2, 8, 4)
    x[0, 3, 1] = float("nan")
    y = block(x)
    assert y[0].isnan().all()
    assert y[1].isfinite().all()
