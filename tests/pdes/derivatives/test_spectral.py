import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdes.derivatives import spectral_derivative, wavenumbers


@given(n=st.integers(9, 40), length=st.floats(0.1, 10), mode=st.integers(1, 4), order=st.integers(1, 4))
def test_exact_for_band_limited_fields(n, length, mode, order):
    k = 2 * math.pi * mode / length
    x = torch.arange(n, dtype=torch.float64) * length / n
    u = torch.stack([torch.sin(k * x), torch.cos(k * x)])
    shift = order * math.pi / 2
    expected = k**order * torch.stack([torch.sin(k * x + shift), torch.cos(k * x + shift)])
    found = spectral_derivative(u, -1, order, length)
    assert float((found - expected).abs().max()) < 1e-9 * k**order


def test_odd_derivative_of_the_nyquist_mode_is_zero():
    u = torch.tensor([1.0, -1.0] * 4, dtype=torch.float64)
    assert torch.equal(spectral_derivative(u, 0, 1, 1.0), torch.zeros(8, dtype=torch.float64))
    assert float(spectral_derivative(u, 0, 2, 1.0)[0]) == pytest.approx(-((8 * math.pi) ** 2))


def test_wavenumbers_follow_torch_fft():
    like = torch.zeros(1, dtype=torch.complex128)
    assert wavenumbers(4, 2 * math.pi, real=False, like=like).tolist() == [0, 1, -2, -1]
    assert wavenumbers(4, 2 * math.pi, real=True, like=like).tolist() == [0, 1, 2]
