import math

import numpy as np
import pytest
import torch

from pdes.equations import Darcy
from pdes.grid import Axis, Grid
from pdes.residual import point_residual
from pdes.solvers import solve_darcy
from pdes.solvers.darcy import _inverse_laplacian, _matrix


def box(nx, ny, convention="vertices"):
    return Grid([Axis("x", nx, 0.0, 1.0, convention), Axis("y", ny, 0.0, 2.0, convention)])


def exact(points):
    x, y = points.unbind(1)
    return torch.sin(math.pi * x) * torch.sin(math.pi * y) * torch.exp(x)


def permeability(points):
    x, y = points.unbind(1)
    return 2 + torch.sin(3 * x + y)


@pytest.mark.parametrize("convention", ["vertices", "centres"])
def test_second_order_for_a_smooth_permeability(convention):
    errors, sizes = [], [16, 32, 64]
    for n in sizes:
        grid = box(n, 2 * n, convention)
        points = torch.stack([m.flatten() for m in grid.mesh()], dim=1)
        # the source that the equation itself asks for
        f = point_residual(Darcy(f=0.0), lambda p: exact(p)[:, None], points, {"a": permeability})[
            "mass"
        ].detach()
        u = solve_darcy(permeability(points).reshape(1, *grid.shape), grid, f.reshape(grid.shape))
        errors.append((u[0] - exact(points).reshape(grid.shape)).abs().max().item())
    order = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert order == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize(("convention", "source"), [("vertices", 6), ("centres", 5)])
def test_layers_are_exact_where_the_permeability_jumps_between_two_points(convention, source):
    """A point load in a layered medium: u is piecewise linear in the resistance, the integral of 1/a."""
    nx, ny = 13, 5
    # so wide that nothing flows along y
    grid = Grid([Axis("x", nx, convention=convention), Axis("y", ny, 0.0, 1e6, convention=convention)])
    i = torch.arange(nx)
    layers = torch.where(i < 4, 1.0, torch.where(i < 9, 100.0, 3.0)).double()
    h = grid["x"].spacing
    to_wall = 0.0 if convention == "vertices" else h / 2
    resistance = torch.cat([torch.zeros(1), (h / 2 * (1 / layers[1:] + 1 / layers[:-1])).cumsum(0)])
    resistance += to_wall / layers[0]
    total = resistance[-1] + to_wall / layers[-1]
    peak = resistance[source]
    u = torch.where(i <= source, resistance / peak, (total - resistance) / (total - peak))
    load = torch.where(i == source, (1 / peak + 1 / (total - peak)) / h, 0.0)
    found = solve_darcy(layers[:, None].expand(1, nx, ny), grid, load[:, None])
    torch.testing.assert_close(found[0, :, ny // 2], u, rtol=1e-7, atol=1e-12)


def test_a_constant_permeability_gives_the_known_centre_value():
    # torsion of a square prism: u(1/2, 1/2) = 0.0736713532... for -Lap u = 1 on the unit square
    grid = Grid([Axis("x", 129, convention="vertices"), Axis("y", 129, convention="vertices")])
    u = solve_darcy(torch.full((1, 129, 129), 4.0), grid)
    assert 4 * u[0, 64, 64].item() == pytest.approx(0.0736713532, rel=1e-4)


def test_symmetry_scaling_and_batch():
    grid = box(9, 11)
    a = 0.1 + torch.rand(3, 9, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u = solve_darcy(a, grid, 2.0)
    assert u.dtype == torch.float64
    assert (u[:, 1:-1, 1:-1] > 0).all()
    assert u[:, 0].abs().max() == u[:, :, -1].abs().max() == 0
    torch.testing.assert_close(u[1:2], solve_darcy(a[1:2], grid, 2.0), rtol=0, atol=0)
    torch.testing.assert_close(u.flip(1), solve_darcy(a.flip(1), grid, 2.0))
    torch.testing.assert_close(u / 6, solve_darcy(3 * a, grid, 1.0))
    f = torch.rand(3, 9, 11, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(solve_darcy(a, grid, f)[2:], solve_darcy(a[2:], grid, f[2]))


@pytest.mark.parametrize("convention", ["vertices", "centres"])
@pytest.mark.parametrize("contrast", [2.0, 99.0])
def test_iterations_and_factorisation_agree(convention, contrast, monkeypatch):
    grid = box(24, 37, convention)
    a = torch.rand(2, *grid.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a = torch.where(a < 0.5, 1.0, contrast)
    iterated = solve_darcy(a, grid)
    monkeypatch.setattr("pdes.solvers.darcy._MODERATE_CONTRAST", 0.0)
    torch.testing.assert_close(iterated, solve_darcy(a, grid), rtol=0, atol=1e-9 * iterated.max().item())


@pytest.mark.parametrize("convention", ["vertices", "centres"])
def test_the_preconditioner_is_the_inverse_of_the_laplacian(convention):
    grid = Grid(Axis(name, n, 1.0, 1.5 + n, convention) for name, n in zip("xyz", (5, 8, 6), strict=True))
    matrix = _matrix(np.ones(grid.shape), grid)
    shape = grid.shape if convention == "centres" else tuple(n - 2 for n in grid.shape)
    f = np.random.default_rng(0).normal(size=matrix.shape[0])
    np.testing.assert_allclose(matrix @ _inverse_laplacian(grid, shape)(f), f, atol=1e-12)


def test_three_dimensions():
    grid = Grid(Axis(name, n, convention="vertices") for name, n in zip("xyz", (9, 11, 13), strict=True))
    x, y, z = grid.mesh()
    u = torch.sin(math.pi * x) * torch.sin(math.pi * y) * torch.sin(2 * math.pi * z)
    eigenvalue = sum(
        (2 / axis.spacing * math.sin(m * math.pi * axis.spacing / 2)) ** 2
        for m, axis in zip((1, 1, 2), grid, strict=True)
    )
    torch.testing.assert_close(solve_darcy(torch.full((1, *grid.shape), 2.0), grid, 2 * eigenvalue * u)[0], u)


def test_bad_input_is_named():
    grid = box(5, 5)
    a = torch.ones(1, 5, 5)
    periodic = Grid([Axis("x", 5, periodic=True), Axis("y", 5, convention="vertices")])
    with pytest.raises(ValueError, match="x: half-open periodic, y: vertices"):
        solve_darcy(a, periodic)
    with pytest.raises(ValueError, match=r"shape \(5, 5\); expected \(batch, 5, 5\)"):
        solve_darcy(a[0], grid)
    with pytest.raises(ValueError, match=r"positive and finite; it ranges from 0\.0"):
        solve_darcy(a * torch.arange(5), grid)
    with pytest.raises(ValueError, match="positive and finite"):
        solve_darcy(a * math.nan, grid)
    with pytest.raises(ValueError, match=r"source f has shape \(4,\)"):
        solve_darcy(a, grid, torch.ones(4))
    with pytest.raises(ValueError, match="at least 3 points"):
        solve_darcy(torch.ones(1, 2, 5), box(2, 5))
