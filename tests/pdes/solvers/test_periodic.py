import math

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import torch
from user_equations import (
    Conduction,
    Flow,
    Forced,
    KortewegDeVries,
    LongWave,
    PrimitiveFlow,
    ReactionBurgers,
    Schroedinger,
)

from pdes.derivatives import spectral_derivative
from pdes.equations import Burgers, Heat, NavierStokes, Poisson
from pdes.grid import Axis, Grid
from pdes.solvers import solve_periodic

TURN = 2 * math.pi


def torus(*shape, length=TURN):
    return Grid(Axis(name, n, 0.0, length, periodic=True) for name, n in zip("xyz", shape, strict=False))


def random_field(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cole_hopf(x, t, nu, a=0.5):
    """u = -2 nu phi_x / phi with phi = 1 + a exp(-nu t) cos x, which solves the heat equation."""
    decay = a * math.exp(-nu * t)
    return 2 * nu * decay * torch.sin(x) / (1 + decay * torch.cos(x))


def test_heat_is_exact_whatever_the_step():
    grid = torus(16, 12, 10)
    x, y, z = grid.mesh()
    u = torch.sin(2 * x) * torch.cos(y) * torch.sin(3 * z)
    found = solve_periodic(Heat(kappa=0.1, dimensions=3), {"u": u[None]}, [0.0, 0.7], grid, dt=0.7)["u"]
    assert found.shape == (1, 2, 16, 12, 10)
    torch.testing.assert_close(found[0, 0], u, rtol=0, atol=1e-13)
    torch.testing.assert_close(found[0, 1], u * math.exp(-0.1 * 14 * 0.7), rtol=0, atol=1e-13)


def test_burgers_meets_its_cole_hopf_solution():
    grid = torus(96)
    x = grid.points()[0]
    nu = 0.3
    found = solve_periodic(Burgers(nu=nu), {"u": cole_hopf(x, 0.0, nu)[None]}, [0.5, 2.0], grid, rtol=1e-11)[
        "u"
    ]
    for frame, t in zip(found[0], (0.5, 2.0), strict=True):
        torch.testing.assert_close(frame, cole_hopf(x, t, nu), rtol=0, atol=1e-11)


def test_fourth_order_in_time():
    grid = torus(96)
    x = grid.points()[0]
    nu, mean = 0.5, 1.0  # Galilean: u = mean + w(x - mean t, t)
    start = mean + cole_hopf(x, 0.0, nu, 0.9)
    exact = mean + cole_hopf(x - mean * 2.0, 2.0, nu, 0.9)
    steps = [10, 20, 40]
    errors = []
    for n in steps:
        u = solve_periodic(Burgers(nu=nu), {"u": start[None]}, [2.0], grid, dt=2.0 / n)["u"][0, 0]
        errors.append((u - exact).norm().item())
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert order == pytest.approx(4, abs=0.3)


def test_taylor_green_vortex_and_its_stream_function():
    grid = torus(24, 18)
    x, y = grid.mesh()
    w = 2 * torch.sin(x) * torch.sin(y)
    found = solve_periodic(NavierStokes(nu=0.1), {"w": w[None]}, [1.5], grid, inputs={"f": 0.0})
    torch.testing.assert_close(found["w"][0, 0], w * math.exp(-0.3), rtol=0, atol=1e-12)
    torch.testing.assert_close(found["psi"][0, 0], w / 2 * math.exp(-0.3), rtol=0, atol=1e-12)


def test_kolmogorov_flow_is_the_balance_of_force_and_friction():
    grid = torus(12, 12)
    _, y = grid.mesh()
    force = 4 * torch.cos(2 * y)
    found = solve_periodic(
        NavierStokes(nu=0.5), {"w": torch.zeros(1, 12, 12)}, [30.0], grid, inputs={"f": force}
    )
    torch.testing.assert_close(found["w"][0, 0], force / (0.5 * 4), rtol=0, atol=1e-9)


def test_soliton_travels_at_its_speed():
    grid = torus(256, length=40.0)
    x = grid.points()[0]
    speed = 2.0

    def soliton(t):
        return speed / 2 / torch.cosh(math.sqrt(speed) / 2 * (x - 12 - speed * t)) ** 2

    found = solve_periodic(KortewegDeVries(), {"u": soliton(0.0)[None]}, [4.0], grid, dt=4e-3)["u"]
    torch.testing.assert_close(found[0, 0], soliton(4.0), rtol=0, atol=1e-6)


def test_a_time_derivative_with_a_symbol_of_its_own():
    grid = torus(16)
    x = grid.points()[0]
    found = solve_periodic(LongWave(), {"u": torch.cos(3 * x)[None]}, [5.0], grid)["u"]
    torch.testing.assert_close(found[0, 0], torch.cos(3 * x - 3 / (1 + 9) * 5.0), rtol=0, atol=1e-12)


def test_coupled_fields_and_residuals_in_any_order():
    grid = torus(16)
    x = grid.points()[0]
    found = solve_periodic(
        Schroedinger(), {"p": torch.cos(2 * x)[None], "q": torch.sin(2 * x)[None]}, [1.0], grid
    )
    phase = 2 * x - 2.0 * 1.0  # omega = k^2 / 2
    torch.testing.assert_close(found["p"][0, 0], torch.cos(phase), rtol=0, atol=1e-7)
    torch.testing.assert_close(found["q"][0, 0], torch.sin(phase), rtol=0, atol=1e-7)


def test_a_variable_coefficient_against_the_matrix_exponential():
    n = 96
    grid = torus(n)
    x = grid.points()[0]
    a = torch.stack([1 + 0.5 * torch.cos(x), 2 + torch.sin(2 * x)])
    u = torch.stack([torch.sin(x), torch.exp(torch.cos(x))])
    found = solve_periodic(Conduction(), {"u": u}, [0.3], grid, inputs={"a": a})["u"]
    D = spectral_derivative(torch.eye(n, dtype=torch.float64), 0, 1, TURN)
    for sample in range(2):
        propagator = scipy.linalg.expm((0.3 * D @ torch.diag(a[sample]) @ D).numpy())
        np.testing.assert_allclose(found[sample, 0].numpy(), propagator @ u[sample].numpy(), atol=1e-7)


def test_forces_may_depend_on_position_and_time():
    # u = sin(t) sin(x) gives u_t = cos t sin x, u_x = sin t cos x; the rest (t - sin t) cos(x - .) stays: use scipy
    grid = torus(12)
    x = grid.points()[0].numpy()
    found = solve_periodic(Forced(), {"u": torch.zeros(1, 12)}, [2.0], grid, start=0.5)["u"][0, 0]

    # u = a(t) sin x + b(t) cos x: a' = cos t + b, b' = t - a
    result = scipy.integrate.solve_ivp(
        lambda t, v: [np.cos(t) + v[1], t - v[0]], (0.5, 2.0), [0, 0], rtol=1e-11, atol=1e-12
    )
    a, b = result.y[:, -1]
    np.testing.assert_allclose(found.numpy(), a * np.sin(x) + b * np.cos(x), atol=1e-8)


def test_an_equation_of_the_user_against_another_solver():
    grid = torus(64)
    x = grid.points()[0]
    pde, u = ReactionBurgers(), 0.5 + 0.3 * torch.sin(x)
    found = solve_periodic(pde, {"u": u[None]}, [0.0, 1.0], grid, rtol=1e-9)["u"][0, 1]

    def rate(_, v):
        v = torch.from_numpy(v)
        slope, bend = (spectral_derivative(v, 0, order, TURN) for order in (1, 2))
        return (-v * slope + pde.nu * bend + pde.rate * v * (1 - v)).numpy()

    result = scipy.integrate.solve_ivp(rate, (0, 1), u.numpy(), method="Radau", rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.numpy(), result.y[:, -1], atol=1e-7)
    # a uniform state follows the logistic law
    flat = solve_periodic(pde, {"u": torch.full((1, 64), 0.1)}, [1.0], grid)["u"]
    torch.testing.assert_close(flat, torch.full_like(flat, 1 / (1 + 9 * math.exp(-2.0))), rtol=1e-8, atol=0)


# --- invariants -----------------------------------------------------------------------------------------


def test_modes_beyond_two_thirds_are_cut():
    grid = torus(30)
    x = grid.points()[0]
    u = torch.stack([torch.cos(9 * x), torch.cos(10 * x), 1 + torch.cos(14 * x)])
    found = solve_periodic(Heat(kappa=0.0), {"u": u}, [0.0], grid)["u"][:, 0]
    torch.testing.assert_close(found, torch.stack([u[0], 0 * x, 1 + 0 * x]), rtol=0, atol=1e-13)


def test_samples_of_a_batch_do_not_see_each_other():
    grid = torus(32)
    u = torch.fft.irfft(torch.fft.rfft(random_field(3, 32))[:, :6], n=32)
    together = solve_periodic(Burgers(nu=0.1), {"u": u}, [0.4], grid, dt=0.05)["u"]
    for i in range(3):
        alone = solve_periodic(Burgers(nu=0.1), {"u": u[i : i + 1]}, [0.4], grid, dt=0.05)["u"]
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-12, atol=1e-13)


def test_parameters_may_differ_between_samples_and_be_learnable():
    grid = torus(16)
    x = grid.points()[0]
    kappa = torch.nn.Parameter(torch.tensor([[0.1], [0.4]], dtype=torch.float64))
    found = solve_periodic(Heat(kappa=kappa), {"u": torch.sin(x).expand(2, 16)}, [1.0], grid)["u"]
    assert not found.requires_grad
    torch.testing.assert_close(found[:, 0], torch.exp(-kappa.detach()) * torch.sin(x), rtol=0, atol=1e-13)


def test_times_that_are_no_multiples_of_the_step():
    grid = torus(48)
    x = grid.points()[0]
    start = cole_hopf(x, 0.0, 0.5)[None]
    found = solve_periodic(Burgers(nu=0.5), {"u": start}, [0.1, 0.37, 0.37, 1.0], grid, dt=0.03)["u"][0]
    assert torch.equal(found[1], found[2])
    torch.testing.assert_close(found[3], cole_hopf(x, 1.0, 0.5), rtol=0, atol=1e-7)


# --- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (lambda s, d: d(s.u, "tt") - d(s.u, "xx"), "second time derivative"),
        (lambda s, d: d(2 * d(s.u, "t"), "t") - d(s.u, "xx"), "second time derivative"),
        (lambda s, d: (1 + s.u**2) * d(s.u, "t") - d(s.u, "xx"), "constant coefficient"),
        (lambda s, d: (2 + torch.sin(s.x)) * d(s.u, "t"), "constant coefficient"),
        (lambda s, d: (1 + s.t) * d(s.u, "t"), "constant coefficient"),
        (lambda s, d: d(s.u * s.u, "t") - s.u, "constant coefficient"),
        (lambda s, d: d(s.u, "x") - s.u, "no time derivative"),
        (lambda s, d: d(s.u, "t") - torch.log(-s.u), "not finite within 5% of the initial state"),
    ],
)
def test_equations_of_another_kind_are_refused(law, message):
    with pytest.raises(ValueError, match=f"Flow.*{message}"):
        solve_periodic(Flow(law), {"u": torch.ones(1, 16)}, [1.0], torus(16))


def test_a_pressure_that_no_residual_determines_is_refused():
    zero = torch.zeros(1, 8, 8)
    with pytest.raises(ValueError, match="do not determine p; an incompressible flow"):
        solve_periodic(PrimitiveFlow(), {"u": zero, "v": zero}, [1.0], torus(8, 8))


def test_a_solution_that_blows_up_names_its_step():
    # u' = u^2 from 1 is infinite at t = 1
    with pytest.raises(FloatingPointError, match=r"Flow: the solution is not finite after step \d+ \(t = "):
        solve_periodic(
            Flow(lambda s, d: d(s.u, "t") - s.u**2), {"u": torch.ones(1, 8)}, [4.0], torus(8), dt=0.05
        )


def test_bad_input_is_named():
    grid, heat, u = torus(8), Heat(), torch.zeros(2, 8)
    walls = Grid([Axis("x", 8, convention="vertices")])
    cases = [
        (heat, {"u": u}, [1.0], walls, {}, "needs periodic axes and x is not"),
        (heat, {"u": u}, [1.0], torus(8, 8), {}, "lives on the axes x; the grid has x, y"),
        (Poisson(dimensions=1), {"u": u}, [1.0], grid, {}, "no time t among"),
        (heat, {"u": u}, [1.0, 0.5], grid, {}, "times must increase"),
        (heat, {"u": u}, [], grid, {}, "times must increase"),
        (heat, {"u": u}, [1.0], grid, {"dt": 0.0}, "dt=0.0"),
        (heat, {"u": u[0]}, [1.0], grid, {}, r"initial 'u' has shape \(8,\); expected \(batch, 8\)"),
        (heat, {"u": u * math.nan}, [1.0], grid, {}, "not finite"),
        (heat, {"v": u}, [1.0], grid, {}, "has the fields u, not v"),
        (heat, {}, [1.0], grid, {}, "initial values must be"),
        (heat, {"u": u}, [1.0], grid, {"inputs": {"f": 1.0}}, r"needs the inputs \(\), given \(f\)"),
        (
            Conduction(),
            {"u": u},
            [1.0],
            grid,
            {"inputs": {"a": torch.ones(3)}},
            r"input 'a' has shape \(3,\)",
        ),
    ]
    for pde, initial, times, where, options, message in cases:
        with pytest.raises(ValueError, match=message):
            solve_periodic(pde, initial, times, where, **options)
    flow, w = NavierStokes(), torch.zeros(1, 8, 8)
    with pytest.raises(ValueError, match="psi cannot have an initial value"):
        solve_periodic(flow, {"w": w, "psi": w}, [1.0], torus(8, 8), inputs={"f": 0.0})
    with pytest.raises(ValueError, match="initial values of w are missing"):
        solve_periodic(flow, {"psi": w}, [1.0], torus(8, 8), inputs={"f": 0.0})


@pytest.mark.parametrize("frames", [1, 11, 33, 65])
def test_many_frames_are_as_accurate_as_one(frames):
    grid = Grid([Axis("x", 64, upper=2 * math.pi, periodic=True)])
    u0 = 3 * torch.sin(grid.points()[0])[None]
    times = torch.linspace(0, 1, frames + 1, dtype=torch.float64)[1:].tolist()
    found = solve_periodic(Burgers(0.2), {"u": u0}, times, grid, rtol=1e-8)["u"][:, -1]
    exact = solve_periodic(Burgers(0.2), {"u": u0}, [1.0], grid, dt=1 / 4000)["u"][:, -1]
    assert float((found - exact).norm() / exact.norm()) < 1e-8
