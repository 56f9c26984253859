"""A new equation in one file: viscous Burgers with logistic growth, and a problem for it."""

import math
from dataclasses import dataclass

import torch

from pdes import PDE, Axis, Grid, Initial, Interval, Periodic, Problem, TimeDomain
from pdes.solvers import solve_periodic


@dataclass(frozen=True)
class ReactiveBurgers(PDE):
    """u_t + u u_x = ν u_xx + r u (1 - u)."""

    nu: float = 0.05
    r: float = 1.0
    coords, fields = ("x", "t"), ("u",)

    def residual(self, s, d):
        growth = self.r * s.u * (1 - s.u)
        return {"momentum": d(s.u, "t") + s.u * d(s.u, "x") - self.nu * d(s.u, "xx") - growth}


def growing_wave() -> Problem:
    """A wave on the unit circle that steepens and grows; the reference is the same equation, solved spectrally."""

    def wave(x):
        return 0.5 + 0.25 * torch.sin(2 * math.pi * x)

    pde = ReactiveBurgers()
    grid = Grid([Axis("x", 64, periodic=True), Axis("t", 41, convention="vertices")])
    x, t = grid.points()
    u = solve_periodic(pde, {"u": wave(x[None])}, t.tolist(), Grid([grid["x"]]))["u"]
    domain = Interval(0, 1) * TimeDomain(0, 1)
    conditions = (Initial("u", lambda z: wave(z[:, 0])), Periodic("u"), Periodic("u", order=1, name="slope"))
    source = "pseudo-spectral solution of the same residual"
    return Problem("growing_wave", pde, domain, conditions, reference=u.mT, test_grid=grid, source=source)
