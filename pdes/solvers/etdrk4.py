"""ETDRK4: exponential time differencing, fourth-order Runge-Kutta."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Nonlinear = Callable[[Tensor, float], Tensor]
"""N(v, t): the part of dv/dt that the linear symbol does not hold, of the shape of v."""

_CONTOUR_POINTS = 32


class ETDRK4:
    """One step of dv/dt = L v + N(v, t) with a diagonal L, exact in L and of fourth order in N.

    The coefficients are entire functions of z = L dt that cancel badly near z = 0, so they are averaged over
    a circle of radius 1 about z (the mean value property).

    Parameters
    ----------
    symbol : L, real or complex, broadcastable to v; float64 or complex128
    dt : time step

    Source: S. M. Cox, P. C. Matthews, J. Comput. Phys. 176 (2002) 430, eqs. (26)-(29);
    A.-K. Kassam, L. N. Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214, section 3.
    """

    def __init__(self, symbol: Tensor, dt: float) -> None:
        self.dt = dt
        z = symbol * dt
        self._full, self._half = torch.exp(z), torch.exp(z / 2)
        angles = (2 * math.pi * (j + 0.5) / _CONTOUR_POINTS for j in range(_CONTOUR_POINTS))
        circle = [complex(math.cos(angle), math.sin(angle)) for angle in angles]

        def mean(function: Callable[[Tensor], Tensor]) -> Tensor:
            total = torch.zeros_like(z + circle[0])
            for point in circle:
                total += function(z + point)
            total *= dt / _CONTOUR_POINTS
            return total if symbol.is_complex() else total.real

        self._stage = mean(lambda r: (torch.exp(r / 2) - 1) / r)
        self._first = mean(lambda r: (-4 - r + torch.exp(r) * (4 - 3 * r + r**2)) / r**3)
        self._middle = mean(lambda r: 2 * (2 + r + torch.exp(r) * (r - 2)) / r**3)
        self._last = mean(lambda r: (-4 - 3 * r - r**2 + torch.exp(r) * (4 - r)) / r**3)

    def step(self, v: Tensor, t: float, nonlinear: Nonlinear) -> Tensor:
        """v(t + dt) from v(t)."""
        middle = t + self.dt / 2
        at_start = nonlinear(v, t)
        half_v = self._half * v
        a = half_v + self._stage * at_start
        at_a = nonlinear(a, middle)
        b = half_v + self._stage * at_a
        at_b = nonlinear(b, middle)
        c = self._half * a + self._stage * (2 * at_b - at_start)
        at_c = nonlinear(c, t + self.dt)
        return self._full * v + self._first * at_start + self._middle * (at_a + at_b) + self._last * at_c
