import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdes.derivatives import stencil_derivative
from pdes.grid import Axis, Grid
from pdes.random_fields import gaussian_random_field


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def periodic_grid(*shape, length=1.0):
    return Grid(Axis(name, n, 0.0, length, periodic=True) for name, n in zip("xyz", shape, strict=False))


def vertex_grid(*shape):
    return Grid(Axis(name, n, convention="vertices") for name, n in zip("xyz", shape, strict=False))


@pytest.mark.parametrize("length", [1.0, 3.0])
@pytest.mark.parametrize("mean_zero", [False, True])
def test_periodic_variance_is_the_sum_of_the_eigenvalues(length, mean_zero):
    grid = periodic_grid(24, length=length)
    g = gaussian_random_field(
        20_000, grid, alpha=2, tau=5, sigma=25, mean_zero=mean_zero, modes=6, generator=generator()
    )
    eigenvalues = [
        625 * ((2 * math.pi * m / length) ** 2 + 25) ** -2 for m in range(-6, 7) if m or not mean_zero
    ]
    # at every point: cos² + sin² = 1; a variance from N samples has the relative deviation sqrt(2/N) = 1%
    torch.testing.assert_close(
        g.var(0), torch.full((24,), sum(eigenvalues) / length, dtype=torch.float64), rtol=0.05, atol=0
    )
    means = g.mean(1)
    assert (means.abs().max() < 1e-12) == mean_zero


def test_neumann_variance_at_a_corner_is_the_sum_over_the_doubled_cosines():
    g = gaussian_random_field(
        20_000, vertex_grid(3, 3), alpha=2, tau=3, boundary="neumann", modes=4, generator=generator(1)
    )
    weight = [1.0] + [2.0] * 4
    expected = sum(
        weight[i] * weight[j] * (math.pi**2 * (i * i + j * j) + 9) ** -2 for i in range(5) for j in range(5)
    )
    assert g[:, 0, 0].var().item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("alpha", [1.0, 2.0, 2.5])
def test_spectrum_falls_with_the_stated_exponent(alpha):
    g = gaussian_random_field(
        4000, periodic_grid(64), alpha=alpha, tau=0.0, mean_zero=True, generator=generator(2)
    )
    power = torch.fft.rfft(g, dim=1, norm="forward").abs().square().mean(0)[1:31]
    m = torch.arange(1, 31, dtype=torch.float64)
    slope = torch.linalg.lstsq(
        torch.stack([m.log(), torch.ones(30)], 1).double(), power.log()[:, None]
    ).solution[0, 0]
    assert slope.item() == pytest.approx(-2 * alpha, abs=0.05)
    torch.testing.assert_close(power, (2 * math.pi * m) ** (-2 * alpha), rtol=0.15, atol=0)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    dim=st.integers(1, 3),
    n=st.integers(3, 9),
    factor=st.integers(2, 3),
    boundary=st.sampled_from(["periodic", "neumann"]),
)
def test_a_seed_names_one_function_at_every_resolution(seed, dim, n, factor, boundary):
    parameters = {"alpha": 2, "tau": 3, "boundary": boundary, "modes": 5}
    if boundary == "periodic":
        coarse, fine = periodic_grid(*[n] * dim), periodic_grid(*[factor * n] * dim)
    else:
        coarse, fine = vertex_grid(*[n] * dim), vertex_grid(*[factor * (n - 1) + 1] * dim)
    low = gaussian_random_field(2, coarse, **parameters, generator=generator(seed))
    high = gaussian_random_field(2, fine, **parameters, generator=generator(seed))
    nested = high[(slice(None), *(slice(None, None, factor),) * dim)]
    torch.testing.assert_close(low, nested, rtol=1e-10, atol=1e-12)


def test_a_finer_grid_adds_modes_and_keeps_the_others():
    parameters = {"alpha": 2, "tau": 3}
    low = gaussian_random_field(3, periodic_grid(16, 12), **parameters, generator=generator(3))
    high = gaussian_random_field(3, periodic_grid(32, 48), **parameters, generator=generator(3))
    coarse = torch.fft.fft2(low, norm="forward")[:, :8, :6]
    fine = torch.fft.fft2(high, norm="forward")[:, :8, :6]
    torch.testing.assert_close(coarse, fine, rtol=1e-9, atol=1e-14)
    assert torch.fft.fft2(high, norm="forward")[:, 10, 10].abs().min() > 0


def test_neumann_fields_are_flat_across_the_walls():
    grid = vertex_grid(401, 9)
    g = gaussian_random_field(4, grid, alpha=2, tau=3, boundary="neumann", modes=8, generator=generator(4))
    slope = stencil_derivative(g, 1, 1, grid["x"].spacing, accuracy=4)
    assert slope[:, [0, -1]].abs().max() < 1e-4 * slope.abs().max()


def test_cell_centres_lie_between_the_vertices():
    parameters = {"alpha": 2, "tau": 3, "boundary": "neumann", "modes": 6}
    vertices = gaussian_random_field(1, vertex_grid(17), **parameters, generator=generator(5))
    centres = Grid([Axis("x", 8, convention="centres")])
    found = gaussian_random_field(1, centres, **parameters, generator=generator(5))
    torch.testing.assert_close(found, vertices[:, 1::2])


def test_dtype_and_reproducibility():
    draw = [
        gaussian_random_field(
            2, periodic_grid(8), alpha=1, tau=1, generator=generator(6), dtype=torch.float32
        )
        for _ in range(2)
    ]
    assert draw[0].dtype == torch.float32
    assert torch.equal(draw[0], draw[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boundary": "dirichlet"}, "unknown boundary"),
        ({"boundary": "neumann"}, "axis 'x' is periodic"),
        ({"tau": 0.0}, "tau=0.0"),
        ({"modes": -1}, "modes=-1"),
        ({"n_samples": 0}, "n_samples=0"),
    ],
)
def test_bad_parameters_are_named(change, message):
    arguments = {
        "n_samples": 1,
        "grid": periodic_grid(8),
        "alpha": 2,
        "tau": 1.0,
        "generator": generator(),
    } | change
    with pytest.raises(ValueError, match=message):
        gaussian_random_field(**arguments)
