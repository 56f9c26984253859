import math
from dataclasses import dataclass

import pytest
import torch

from pdes.derivatives import spectral_derivative
from pdes.equations import Burgers, NavierStokes
from pdes.grid import Axis, Grid
from pdes.pde import PDE
from pdes.solvers.semidiscrete import PeriodicSystem

TURN = 2 * math.pi


def torus(*shape):
    return Grid(Axis(name, n, 0.0, TURN, periodic=True) for name, n in zip("xyz", shape, strict=False))


def random_field(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def as_values(v, grid):
    return torch.fft.irfftn(v, s=grid.shape, dim=tuple(range(-len(grid), 0)))


@pytest.mark.parametrize("n", [24, 25, 32])
def test_dealiasing_conserves_what_the_equation_conserves(n):
    """The truncated inviscid equations keep mean and energy (enstrophy) only where products do not alias."""
    grid = torus(n)
    system = PeriodicSystem(Burgers(nu=0.0), grid, {"u": random_field(3, n)}, {}, (0.0, 1.0))
    u, rate = as_values(system.start, grid), as_values(system.rate(system.start, 0.0), grid)
    assert (u * rate).sum(-1).abs().max() < 1e-12 * u.norm() * rate.norm()
    assert rate.mean(-1).abs().max() < 1e-13 * rate.abs().max()
    raw = random_field(3, n)  # the control: with all modes, products alias and energy is not kept
    assert (raw * raw * spectral_derivative(raw, -1, 1, TURN)).sum(-1).abs().min() > 1e-3

    grid = torus(n, n + 1)
    flow = NavierStokes(nu=0.0)
    force = torch.zeros(2, n, n + 1, dtype=torch.float64)
    system = PeriodicSystem(flow, grid, {"w": random_field(2, n, n + 1)}, {"f": force}, (0.0, 1.0))
    w, rate = as_values(system.start, grid), as_values(system.rate(system.start, 0.0), grid)
    psi = system.fields(system.start, 0.0)["psi"]
    for kept in (w[:, 0], psi):
        assert (kept * rate[:, 0]).sum().abs() < 1e-12 * kept.norm() * rate.norm()


def test_the_symbol_is_the_linear_part_about_the_mean():
    grid = torus(24)
    x = grid.points()[0]
    u = torch.stack([2 + torch.sin(x), -1 + torch.cos(3 * x)])
    system = PeriodicSystem(Burgers(nu=0.3), grid, {"u": u}, {}, (0.0, 1.0))
    k = torch.arange(13, dtype=torch.float64)
    expected = -1j * torch.tensor([[2.0], [-1.0]]) * k - 0.3 * k**2
    torch.testing.assert_close(system.symbol[:, 0, :8], expected[:, :8], rtol=1e-11, atol=1e-11)
    assert system.symbol[:, 0, 8:].abs().max() == 0


def test_fields_are_told_apart_and_constraints_solved():
    grid = torus(16, 12)
    w = random_field(2, 16, 12)
    force = torch.zeros_like(w)
    system = PeriodicSystem(NavierStokes(nu=0.1), grid, {"w": w}, {"f": force}, (0.0, 1.0))
    assert (system.evolving, system.constrained) == (("w",), ("psi",))
    fields = system.fields(system.start, 0.0)
    psi = fields["psi"]
    laplacian = spectral_derivative(psi, -1, 2, TURN) + spectral_derivative(psi, -2, 2, TURN)
    vorticity = fields["w"] - fields["w"].mean((1, 2), keepdim=True)  # a periodic flow has no net vorticity
    torch.testing.assert_close(-laplacian, vorticity, rtol=0, atol=1e-12)
    assert psi.mean((1, 2)).abs().max() < 1e-14


@dataclass(frozen=True)
class Screened(PDE):
    """Chemotaxis: the attractant c follows from the density n by an equation that is nonlinear in n."""

    coords, fields = ("x", "t"), ("c", "n")

    def residual(self, s, d):
        return {
            "attractant": d(s.c, "xx") - 4 * s.c + s.n**2,
            "density": d(s.n, "t") + d(s.n * d(s.c, "x"), "x"),
        }


def test_a_constraint_may_be_nonlinear_in_the_other_fields():
    grid = torus(32)
    x = grid.points()[0]
    system = PeriodicSystem(Screened(), grid, {"n": 1 + torch.sin(x)[None]}, {}, (0.0, 1.0))
    # n^2 = 3/2 + 2 sin x - cos(2x)/2, so c = 3/8 + 2/5 sin x - cos(2x)/16
    c = system.fields(system.start, 0.0)["c"][0]
    expected = 3 / 8 + 2 / 5 * torch.sin(x) - torch.cos(2 * x) / 16
    torch.testing.assert_close(c, expected, rtol=0, atol=1e-13)
    rate = torch.fft.irfft(system.rate(system.start, 0.0)[0, 0], n=32)
    slope = 2 / 5 * torch.cos(x) + torch.sin(2 * x) / 8
    bend = -2 / 5 * torch.sin(x) + torch.cos(2 * x) / 4
    torch.testing.assert_close(rate, -(torch.cos(x) * slope + (1 + torch.sin(x)) * bend), rtol=0, atol=1e-12)


def test_a_linear_constraint_costs_no_evaluation_of_the_residual():
    calls = []

    class Counted(NavierStokes):
        def residual(self, s, d):
            calls.append(1)
            return super().residual(s, d)

    grid = torus(16, 12)
    w = random_field(2, 16, 12)
    system = PeriodicSystem(Counted(nu=0.1), grid, {"w": w}, {"f": torch.ones_like(w)}, (0.0, 1.0))
    calls.clear()
    rate = as_values(system.rate(system.start, 0.0), grid)[:, 0]
    assert len(calls) == 1
    fields = system.fields(system.start, 0.0)
    u, v = spectral_derivative(fields["psi"], -1, 1, TURN), -spectral_derivative(fields["psi"], -2, 1, TURN)
    slope_x, slope_y, bend_x, bend_y = (
        spectral_derivative(fields["w"], dim, order, TURN) for order in (1, 2) for dim in (-2, -1)
    )
    expected = 1 + 0.1 * (bend_x + bend_y) - u * slope_x - v * slope_y
    torch.testing.assert_close(rate, as_values(system._to_modes(expected), grid), rtol=0, atol=1e-10)
