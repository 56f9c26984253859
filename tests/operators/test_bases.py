import itertools
import math

import numpy as np
import pytest
import scipy.fft
import torch
from hypothesis import given
from hypothesis import strategies as st

from operators import unit_points
from operators.bases import Expansion, analysis, expansions, most_modes, synthesis

CONVENTIONS = ["half-open", "vertices", "centres"]
PERIODIC = [Expansion("fourier", 5), Expansion("fourier", 5, half=True)]
WALLS = [Expansion("sine", 5), Expansion("cosine", 5)]
PADDED = [Expansion("fourier", 9, padding=0.3), Expansion("fourier", 9, padding=0.3, half=True)]


def matrix(kind, expansion, n, convention):
    return kind(expansion, n, convention, torch.float64, torch.device("cpu"))


def smooth(s):
    """No symmetry around the walls, and no period."""
    return torch.exp(s) * torch.sin(3 * s + 0.3)


@pytest.mark.parametrize(
    ("basis", "convention", "transform"),
    [
        ("sine", "vertices", lambda v: scipy.fft.dst(v[1:-1], 1)),
        ("sine", "centres", lambda v: scipy.fft.dst(v, 2)),
        ("cosine", "vertices", lambda v: scipy.fft.dct(v, 1)),
        ("cosine", "centres", lambda v: scipy.fft.dct(v, 2)),
    ],
)
def test_are_the_discrete_sine_and_cosine_transforms(basis, convention, transform):
    n = 12
    m = most_modes(n, convention, basis)
    values = torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = matrix(analysis, Expansion(basis, m), n, convention) @ values
    cells = n - (convention == "vertices")
    expected = transform(values.numpy())[:m] / (2 * cells) * 2**0.5
    if basis == "cosine":
        expected[0] /= 2**0.5
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("expansion", [*PERIODIC[:1], *WALLS])
@given(extra=st.integers(0, 6))
def test_coefficients_are_those_of_the_functions(expansion, convention, extra):
    if (expansion.basis, convention) == ("cosine", "half-open"):
        return  # whose far wall is extrapolated
    n = expansion.modes + extra + 5 - most_modes(5, convention, expansion.basis)
    there, back = (matrix(kind, expansion, n, convention) for kind in (analysis, synthesis))
    torch.testing.assert_close(there @ back, torch.eye(expansion.modes).to(back))


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("padding", [0.0, 0.3])
@pytest.mark.parametrize("modes", [8, 9])
def test_half_of_the_wavenumbers_stand_for_all(convention, padding, modes):
    half, both = Expansion("fourier", modes, padding, half=True), Expansion("fourier", 9, padding)
    v = smooth(unit_points(12, convention)).cdouble()
    values = [
        matrix(synthesis, e, 12, convention) @ (matrix(analysis, e, 12, convention) @ v) for e in (half, both)
    ]
    torch.testing.assert_close(values[0].real, values[1].real)
    assert values[1].imag.abs().max() < 1e-12


def test_the_highest_wave_counts_once():
    """At 8 half-open points wavenumbers 4 and -4 are one function, which 8 modes hold."""
    e = Expansion("fourier", 8, half=True)
    v = torch.randn(8, dtype=torch.float64)
    found = (matrix(synthesis, e, 8, "half-open") @ (matrix(analysis, e, 8, "half-open") @ v.cdouble())).real
    torch.testing.assert_close(found, v)


def differences(expansion, convention, sizes):
    """How much the coefficients of a smooth function at these sizes differ from those at many points."""
    *found, expected = (
        matrix(analysis, expansion, n, convention)
        @ smooth(unit_points(n, convention)).to(
            torch.cdouble if expansion.basis == "fourier" else torch.double
        )
        for n in (*sizes, 2049)
    )
    return [float((z - expected).abs().max()) for z in found]


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("expansion", [*WALLS, *PADDED])
def test_coefficients_agree_between_resolutions_to_second_order(expansion, convention):
    errors = differences(expansion, convention, [65, 129, 257])
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert errors[-1] < 2e-3
    assert min(orders) > 1.85


@pytest.mark.parametrize("cells", [10, 20, 40])
def test_padding_is_that_by_zeros(cells):
    """Where the padding is whole cells, the coefficients are those of a periodic axis with zeros on it."""
    extra = cells * 3 // 10
    v = smooth(unit_points(cells, "centres"))
    longer = torch.fft.fft(torch.cat([v, torch.zeros(extra)]), norm="forward")[[*range(5), *range(-4, 0)]]
    # the first centre lies half a cell from the wall
    k = torch.fft.fftfreq(9, 1 / 9, dtype=torch.float64)
    expected = longer * torch.exp(-1j * math.pi * k / (cells + extra))
    torch.testing.assert_close(matrix(analysis, PADDED[0], cells, "centres") @ v.cdouble(), expected)


def test_type_follows_the_field():
    for dtype, expected in ((torch.float32, torch.complex64), (torch.float64, torch.complex128)):
        for kind in (analysis, synthesis):
            assert kind(PERIODIC[0], 8, "centres", dtype, torch.device("cpu")).dtype == expected
            assert kind(WALLS[0], 8, "centres", dtype, torch.device("cpu")).dtype == dtype


def test_matrices_made_without_gradients_serve_with_them():
    e = Expansion("cosine", 3, 0.0)
    with torch.inference_mode():
        matrix(analysis, e, 11, "centres")
    x = torch.ones(11, dtype=torch.float64, requires_grad=True)
    (matrix(analysis, e, 11, "centres") @ x).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize(
    ("basis", "padding", "message"),
    [
        ("chebyshev", 0.0, "basis of axis 0: unknown basis 'chebyshev'; choose one of fourier, sine, cosine"),
        (["fourier", "sine"], 0.2, r"padding of axis 1 is 0.2; .* only where the basis is fourier"),
        ("fourier", [0.0, -0.1], r"padding of axis 1 is -0.1; give a fraction"),
        (["fourier"], 0.0, "basis has 1 entries but the model has 2 axes"),
    ],
)
def test_wrong_arguments(basis, padding, message):
    with pytest.raises(ValueError, match=message):
        expansions([4, 4], basis, padding)
