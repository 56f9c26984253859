"""The problems whose reference our own solver computes: converged, and a solution of the equation."""

import math

import pytest
import torch

import pdes.benchmarks.tabulated
from pdes import Axis, Grid, grid_residual
from pdes.benchmarks import allen_cahn, kuramoto_sivashinsky, schroedinger
from pdes.benchmarks.allen_cahn import initial_state as allen_cahn_state
from pdes.benchmarks.kuramoto_sivashinsky import initial_state as kuramoto_sivashinsky_state
from pdes.benchmarks.schroedinger import initial_state as schroedinger_state
from pdes.benchmarks.tabulated import _coefficients, periodic_reference


def values(solution, grid):
    points = torch.stack([x.reshape(-1) for x in grid.mesh()], 1)
    return solution(points).T.reshape(-1, *grid.shape)


def relative(a, b):
    return float((a - b).norm() / b.norm())


# Terms are compared with u_t, by root mean square, after the first ten frames: the time derivative is a stencil
# of order 4 with the frames of the test grid. The kink of the Schrödinger problem at the periodic ends radiates waves
# that the frames do not resolve; they are about 1 % of u_t.
@pytest.mark.parametrize(
    ("make", "points", "tolerance"),
    [(allen_cahn, 2048, 1e-6), (kuramoto_sivashinsky, 512, 1e-4), (schroedinger, 512, 2e-2)],
)
def test_reference_solves_the_equation(make, points, tolerance):
    problem = make()
    time = problem.test_grid["t"]
    grid = Grid([problem.test_grid["x"].resized(points), time])
    fields = values(problem.reference, grid)
    rate = torch.gradient(fields, spacing=time.spacing, dim=-1)[0].square().mean().sqrt()
    named = dict(zip(problem.pde.fields, fields, strict=True))
    for residual in grid_residual(problem.pde, grid, named, accuracy=4).values():
        assert float(residual[:, 10:].square().mean().sqrt()) < tolerance * float(rate)


@pytest.mark.parametrize("make", [allen_cahn, kuramoto_sivashinsky, schroedinger])
def test_reference_meets_every_condition(make):
    problem = make()
    time = problem.test_grid["t"]
    for condition in problem.conditions:
        points = condition.sample(problem.domain, 16, torch.Generator().manual_seed(0), torch.float64)
        if "periodic" in condition.name:
            # the reference is known at the frames; at the first one the slope of the initial values may jump
            frame = ((points[:, 1] - time.lower) / time.spacing).round().clamp(1, time.n - 1)
            points[:, 1] = time.lower + frame * time.spacing
        residual = condition.residual(points, problem.domain, problem.evaluate(problem.reference))
        # the third derivative of the shortest wave kept multiplies a rounding error by 170³
        assert float(residual.detach().abs().max()) < 1e-9, condition.name


@pytest.mark.parametrize(
    ("make", "state", "points", "dt", "tolerance"),
    [
        (allen_cahn, allen_cahn_state, 2048, 1 / 800, 1e-8),
        # the kink of the initial values costs O(n^-3/2) in L2
        (allen_cahn, allen_cahn_state, 4096, 1 / 400, 1e-6),
        (kuramoto_sivashinsky, kuramoto_sivashinsky_state, 512, 1.25e-4, 1e-7),
        (kuramoto_sivashinsky, kuramoto_sivashinsky_state, 1024, 2.5e-4, 1e-10),
        pytest.param(schroedinger, schroedinger_state, 512, math.pi / 14400, 3e-5, marks=pytest.mark.slow),
        pytest.param(schroedinger, schroedinger_state, 1024, math.pi / 28800, 3e-5, marks=pytest.mark.slow),
    ],
)
def test_reference_is_converged(make, state, points, dt, tolerance):
    problem = make()
    finer = periodic_reference(problem.pde, state, problem.test_grid, points=points, dt=dt)
    assert relative(problem.truth(), values(finer, problem.test_grid)) < tolerance


def breather(x, t):
    """The bound state of two solitons on the line; J. Satsuma, N. Yajima, Prog. Theor. Phys. Suppl. 55 (1974) 284."""
    h = torch.cosh(3 * x) + 3 * torch.exp(4j * t) * torch.cosh(x)
    h = 4 * h * torch.exp(0.5j * t) / (torch.cosh(4 * x) + 4 * torch.cosh(2 * x) + 3 * torch.cos(4 * t))
    return torch.stack([h.real, h.imag])


def test_schroedinger_on_a_long_interval_is_the_breather_of_the_line():
    time = Axis("t", 11, 0.0, math.pi / 2, "vertices")
    grid = Grid([Axis("x", 200, -15.0, 15.0, periodic=True), time])
    pde = schroedinger().pde
    solution = periodic_reference(pde, schroedinger_state, grid, points=512, dt=math.pi / 2 / 1600)
    assert relative(values(solution, grid), breather(*grid.mesh())) < 1e-5


def test_schroedinger_conserves_the_mass():
    mass = schroedinger().truth().square().sum((0, 1))
    assert float((mass / mass[0] - 1).abs().max()) < 1e-5


def test_nothing_is_solved_before_it_is_asked_for(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("solved")

    monkeypatch.setattr(pdes.benchmarks.tabulated, "solve_periodic", refuse)
    for make in (allen_cahn, kuramoto_sivashinsky, schroedinger):
        make()


def test_a_reference_is_solved_once():
    _coefficients.cache_clear()
    kuramoto_sivashinsky().truth()
    kuramoto_sivashinsky().truth()
    assert _coefficients.cache_info().misses == 1


def test_a_time_between_frames_is_refused():
    problem = kuramoto_sivashinsky()
    for t in (0.00051, -0.001, 0.201):
        with pytest.raises(ValueError, match="KuramotoSivashinsky holds at the times of its test grid only"):
            problem.reference(torch.tensor([[1.0, t]]))


def test_single_precision_points_are_frames_too():
    problem = kuramoto_sivashinsky()
    points = torch.stack([x.reshape(-1) for x in problem.test_grid.mesh()], 1)
    assert relative(problem.reference(points.float()), problem.reference(points)) < 1e-5
