"""References from the reference solver: computed once a process, when first asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from pdes.benchmarks.exact import Solution
from pdes.grid import Axis, Grid
from pdes.pde import PDE
from pdes.solvers import solve_periodic

_ON_FRAME = 1e-3
"""Distance from a time of the test grid, in steps, that single precision accounts for."""
InitialState = Callable[[Tensor], Tensor]
"""Positions (n,) to the fields at the start of time (n, k); a function of a module, so that it can be a key."""


@lru_cache(maxsize=8)
def _coefficients(pde: PDE, initial: InitialState, axis: Axis, time: Axis, dt: float) -> Tensor:
    """The Fourier coefficients (k, frames, modes) of the solution at the points of ``time``."""
    grid = Grid([axis])
    start = initial(axis.points())
    solution = solve_periodic(
        pde,
        {name: start[None, :, i] for i, name in enumerate(pde.fields)},
        time.points().tolist(),
        grid,
        dt=dt,
        start=time.lower,
    )
    values = torch.cat([solution[name] for name in pde.fields])
    # the solver keeps the modes below a third of the points
    return torch.fft.rfft(values, norm="forward")[..., : math.ceil(axis.n / 3)]


def periodic_reference(
    pde: PDE, initial: InitialState, test_grid: Grid, *, points: int, dt: float
) -> Solution:
    """The solution of a periodic initial value problem in x and t, at any x and at the times of the test grid.

    It is the Fourier series that `solve_periodic` finds with ``points`` points and the time step ``dt``; at
    the start of time it is ``initial`` itself, whose own series may converge slowly. Differentiable by x.

    Parameters
    ----------
    initial : function of a module, positions (n,) to the fields (n, k)
    test_grid : axes x, whose ends are those of the period, and t

    The returned function raises ValueError at a time that is not on the test grid.
    """
    time = test_grid["t"]
    axis = test_grid["x"].resized(points)

    def reference(z: Tensor) -> Tensor:
        x, t = z.to(torch.float64).unbind(1)
        position = (t - time.lower) / time.spacing
        frame = torch.round(position).long()
        if bool(((position - frame).abs() > _ON_FRAME).any() | (frame < 0).any() | (frame >= time.n).any()):
            raise ValueError(
                f"this reference of {type(pde).__name__} holds at the times of its test grid only"
            )
        modes = _coefficients(pde, initial, axis, time, dt).to(z.device)
        phase = 2 * math.pi * (x - axis.lower) / axis.length
        turn = torch.polar(torch.ones_like(phase), phase)
        # Horner's scheme in exp(i phase); the negative modes are the conjugates of the positive ones
        total = torch.zeros(len(modes), len(z), dtype=modes.dtype, device=z.device)
        for m in range(modes.shape[-1] - 1, 0, -1):
            total = (total + modes[:, frame, m]) * turn
        series = (modes[:, frame, 0] + 2 * total).real.T
        return torch.where((frame == 0)[:, None], initial(x), series)

    return reference
