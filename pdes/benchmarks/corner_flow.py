"""Flow in the corner between a fixed and a sliding wall, where the velocity jumps."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

# stream function r f(θ), f = B sin θ + C θ cos θ + D θ sin θ, of creeping flow with f = 0 and f' = 1 at θ = 0 and
# f = f' = 0 at θ = π/2
_C = 4 / (4 - math.pi**2)
_D = _C * math.pi / 2
_B = -_D * math.pi / 2


@cache
def _inertia() -> tuple[complex, complex, tuple[float, ...], float]:
    """The stream function r² g(θ) that inertia adds, g = Re[(b1 θ + b2 θ²) e^{2iθ}] + a0 + a1 θ + a2 cos 2θ + a3 sin 2θ.

    With h = -(f + f'') it solves g'''' + 4 g'' = (f h)' = Re[(s + q θ) e^{2iθ}], g and g' zero on both walls.
    Returns b1, b2, (a0, ..., a3) and the constant c = f h - (g''' + 4 g') of the pressure.
    """
    s = complex(-2 * _D * (_B + _C), -(2 * _B * _C + _C**2 - _D**2))
    q = complex(2 * (_C**2 - _D**2), -4 * _C * _D)
    b2 = 1j * q / 32
    b1 = 1j * (s + 40 * b2) / 16
    wall = math.pi / 2

    def particular(theta: float) -> tuple[float, float]:
        """Value and slope of the first part of g."""
        turn = np.exp(2j * theta)
        value = (b1 * theta + b2 * theta**2) * turn
        return value.real, ((b1 + 2 * b2 * theta) * turn + 2j * value).real

    matrix = [[1, 0, 1, 0], [0, 1, 0, 2], [1, wall, -1, 0], [0, 1, 0, -2]]
    a = np.linalg.solve(np.array(matrix), -np.array([*particular(0.0), *particular(wall)]))
    # at θ = 0: f h = 0, and g''' + 4 g' = 4 a1 + Re[(p''' + 4 p')] with the first part p
    third = (6j * 2 * b2 - 12 * b1).real
    return b1, b2, tuple(a.tolist()), float(-(third + 4 * b1.real + 4 * a[1]))


def sliding_corner(x: Tensor, y: Tensor, speed: float, nu: float) -> tuple[Tensor, Tensor, Tensor]:
    """Velocity and pressure near the corner of the wall y = 0, which slides with (speed, 0), and the fixed wall x = 0.

    The first two terms in powers of r speed/ν of a solution of the steady Navier-Stokes equations in x, y >= 0,
    with the stream function

        ψ = U r f(θ) + U²/ν r² g(θ),   u = ∂ψ/∂y,   v = -∂ψ/∂x,   p = 2νU (C cos θ + D sin θ)/r - c U² log r.

    It meets both walls' velocities exactly. Its momentum residual is bounded as r → 0, where that of the first term alone,
    creeping flow, grows like 1/r.

    Parameters
    ----------
    x, y : positions (n,)
    speed, nu : U and ν

    Source: G. I. Taylor, in Miszellaneen der Angewandten Mechanik (1960), p. 313 (the first term); C. Hancock, E. Lewis,
    H. K. Moffatt, J. Fluid Mech. 112 (1981) 315 (inertia).
    """
    b1, b2, (a0, a1, a2, a3), c = _inertia()
    r = torch.sqrt(x**2 + y**2)
    theta = torch.atan2(y, x)
    sin, cos = torch.sin(theta), torch.cos(theta)
    f = _B * sin + _C * theta * cos + _D * theta * sin
    slope_f = (_B + _C) * cos + _D * sin + theta * (_D * cos - _C * sin)

    sin2, cos2 = torch.sin(2 * theta), torch.cos(2 * theta)
    real, imag = b1.real * theta + b2.real * theta**2, b1.imag * theta + b2.imag * theta**2
    slope_real, slope_imag = b1.real + 2 * b2.real * theta, b1.imag + 2 * b2.imag * theta
    g = real * cos2 - imag * sin2 + a0 + a1 * theta + a2 * cos2 + a3 * sin2
    slope_g = (slope_real - 2 * imag) * cos2 - (slope_imag + 2 * real) * sin2
    slope_g = slope_g + a1 - 2 * a2 * sin2 + 2 * a3 * cos2

    along = speed * slope_f + speed**2 / nu * r * slope_g
    around = -speed * f - 2 * speed**2 / nu * r * g
    pressure = 2 * nu * speed * (_C * x + _D * y) / r**2 - c * speed**2 * torch.log(r)
    return cos * along - sin * around, sin * along + cos * around, pressure
