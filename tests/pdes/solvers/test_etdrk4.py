import cmath
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdes.solvers import ETDRK4


def integrate(symbol, nonlinear, v, end, steps):
    stepper = ETDRK4(symbol, end / steps)
    for i in range(steps):
        v = stepper.step(v, i * end / steps, nonlinear)
    return v


def as_symbol(value):
    return torch.tensor([value], dtype=torch.complex128 if isinstance(value, complex) else torch.float64)


@pytest.mark.parametrize("rate", [0.0, -3.0, 1.5, 8j, -2 + 5j])
def test_fourth_order_on_a_forced_oscillation(rate):
    # v = cos t solves v' = L v + N with N = -L cos t - sin t
    symbol = as_symbol(rate)

    def forcing(v, t):
        return torch.full_like(v, 1) * (-rate * math.cos(t) - math.sin(t)) + 0 * v

    steps = [16, 32, 64]
    errors = [
        (integrate(symbol, forcing, torch.ones_like(symbol), 2.0, n) - math.cos(2.0)).abs().item()
        for n in steps
    ]
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert order == pytest.approx(4, abs=0.25)


def test_fourth_order_on_a_stiff_nonlinear_system():
    # v' = -v^2 + L (v - w), w' = -50 (w - v^2) is solved by v = 1/(1 + t) where L (v - w) is added as a coupling
    symbol = torch.tensor([-2.0, -50.0], dtype=torch.float64)

    def nonlinear(v, t):
        exact = 1 / (1 + t)
        return torch.stack([-(v[0] ** 2) + 2 * exact, 50 * v[0] ** 2 - 2 * exact**3])

    start = torch.tensor([1.0, 1.0], dtype=torch.float64)
    exact = torch.tensor([0.5, 0.25], dtype=torch.float64)
    steps = [40, 80, 160]
    errors = [(integrate(symbol, nonlinear, start, 1.0, n) - exact).norm().item() for n in steps]
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert order > 3.7


@given(rate=st.floats(-1e4, 10) | st.complex_numbers(max_magnitude=20), dt=st.floats(1e-4, 1.0))
def test_a_constant_source_is_integrated_exactly(rate, dt):
    # v' = L v + 1: v(dt) = e^z v0 + dt (e^z - 1)/z, where expm1 gives the reference for small z
    symbol = as_symbol(rate)
    v = ETDRK4(symbol, dt).step(2 * torch.ones_like(symbol), 0.0, lambda v, _: torch.ones_like(v))
    z = rate * dt
    if isinstance(z, complex):
        phi = (cmath.exp(z) - 1) / z if abs(z) > 1e-3 else 1 + z / 2 + z**2 / 6 + z**3 / 24
        expected = 2 * cmath.exp(z) + dt * phi
    else:
        phi = math.expm1(z) / z if z else 1.0
        expected = 2 * math.exp(z) + dt * phi
    assert abs(v.item() - expected) <= 2e-12 * max(1.0, abs(expected))


def test_without_a_linear_part_it_is_classical_runge_kutta():
    def rate(v, t):
        return torch.sin(v) + t

    v, h = torch.tensor([0.3, 1.2], dtype=torch.float64), 0.2
    k1 = rate(v, 0.0)
    k2 = rate(v + h / 2 * k1, h / 2)
    k3 = rate(v + h / 2 * k2, h / 2)
    k4 = rate(v + h * k3, h)
    found = ETDRK4(torch.zeros(2, dtype=torch.float64), h).step(v, 0.0, rate)
    torch.testing.assert_close(found, v + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), rtol=1e-13, atol=1e-14)
