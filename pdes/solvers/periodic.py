"""The reference solver for evolution equations on periodic boxes; it takes the equation from its residual."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from pdes.grid import Grid
from pdes.pde import PDE
from pdes.solvers.etdrk4 import ETDRK4
from pdes.solvers.semidiscrete import PeriodicSystem

_FIRST_STEPS = 16
_MOST_STEPS = 2**22


def solve_periodic(
    pde: PDE,
    initial: Mapping[str, Tensor],
    times: Sequence[float],
    grid: Grid,
    *,
    inputs: Mapping[str, float | Tensor] | None = None,
    dt: float | None = None,
    rtol: float = 1e-8,
    start: float = 0.0,
) -> dict[str, Tensor]:
    """Solve any evolution PDE on a periodic box: pseudo-spectral in space, ETDRK4 in time, float64.

    Nothing of the equation is written here: ``pde.residual`` is evaluated with spectral derivatives, its
    linear part with constant coefficients is found by linearisation and integrated exactly, and the rest by
    a Runge-Kutta method of fourth order. Fields without a time derivative (a stream function) follow from
    the residuals without one. The fields are cut to the modes |m| < n/3 of each axis (2/3 dealiasing), the
    initial ones included.

    Parameters
    ----------
    pde : residuals of first order in t, with constant coefficients of the time derivatives
    initial : (batch, *grid) for each field that has a time derivative
    times : increasing, from ``start`` on
    grid : periodic axes, named like the coordinates other than t
    inputs : given fields, (batch, *grid), (*grid) or numbers
    dt : largest time step; by default it is halved until two runs agree
    rtol : that agreement, relative L2 of each sample and field against its largest norm over ``times``
    start : time of the initial values

    Returns
    -------
    (batch, len(times), *grid) for every field of the equation.

    Raises ValueError for an equation, a grid or values of another kind; FloatingPointError that names the
    step where a solution stops being finite; RuntimeError where no step reaches ``rtol``.

    Source: A.-K. Kassam, L. N. Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214; S. A. Orszag, J. Atmos. Sci.
    28 (1971) 1074 (the 2/3 rule).
    """
    name = type(pde).__name__
    _check(name, pde, grid, times, start, dt)
    fields = {field: _as_field(field, value, grid) for field, value in initial.items()}
    shapes = {tuple(value.shape) for value in fields.values()}
    if len(shapes) != 1:
        raise ValueError(
            f"{name}: initial values must be (batch, *grid), the same for all fields, not {sorted(shapes)}"
        )
    like = next(iter(fields.values()))
    given = _as_inputs(name, pde, inputs or {}, like, grid)
    unknown = [field for field in fields if field not in pde.fields]
    if unknown:
        raise ValueError(f"{name} has the fields {', '.join(pde.fields)}, not {', '.join(unknown)}")

    system = PeriodicSystem(pde, grid, fields, given, (start, float(times[-1])))
    with torch.no_grad():
        if dt is not None:
            return _run(system, name, times, start, dt)
        return _converged(system, name, times, start, rtol)


def _check(name: str, pde: PDE, grid: Grid, times: Sequence[float], start: float, dt: float | None) -> None:
    if "t" not in pde.coords:
        raise ValueError(
            f"{name} has no time t among its coordinates {', '.join(pde.coords)}, so it is no evolution equation"
        )
    space = tuple(coord for coord in pde.coords if coord != "t")
    if set(grid.names) != set(space):
        raise ValueError(f"{name} lives on the axes {', '.join(space)}; the grid has {', '.join(grid.names)}")
    walls = [axis.name for axis in grid if not axis.periodic]
    if walls:
        raise ValueError(
            f"solve_periodic needs periodic axes and {', '.join(walls)} is not; give Axis(..., periodic=True)"
        )
    moments = [start, *times]
    if not times or any(not b >= a for a, b in pairwise(moments)):
        raise ValueError(f"times must increase from the start {start:g}, not {list(times)}")
    if dt is not None and not dt > 0:
        raise ValueError(f"dt={dt}: the time step must be positive")


def _as_field(name: str, value: Tensor, grid: Grid) -> Tensor:
    if value.dim() != len(grid) + 1 or value.shape[1:] != grid.shape:
        raise ValueError(
            f"initial {name!r} has shape {tuple(value.shape)}; expected (batch, {', '.join(map(str, grid.shape))})"
        )
    if not torch.isfinite(value).all():
        raise ValueError(f"initial {name!r} has values that are not finite")
    return value.detach().to(torch.float64)


def _as_inputs(
    name: str, pde: PDE, inputs: Mapping[str, float | Tensor], like: Tensor, grid: Grid
) -> dict[str, Tensor]:
    if set(inputs) != set(pde.inputs):
        raise ValueError(f"{name} needs the inputs ({', '.join(pde.inputs)}), given ({', '.join(inputs)})")
    fields = {}
    for key, value in inputs.items():
        given = torch.as_tensor(value, device=like.device).detach().to(torch.float64)
        try:
            fields[key] = given.expand_as(like)
        except RuntimeError:
            raise ValueError(
                f"input {key!r} has shape {tuple(given.shape)}; expected a number, {grid.shape} or {tuple(like.shape)}"
            ) from None
    return fields


def _run(
    system: PeriodicSystem, name: str, times: Sequence[float], start: float, dt: float
) -> dict[str, Tensor]:
    steppers: dict[float, ETDRK4] = {}

    def nonlinear(v: Tensor, t: float) -> Tensor:
        return system.rate(v, t) - system.symbol * v

    v, now, taken = system.start, start, 0
    frames = []
    for target in times:
        count = math.ceil((target - now) / dt * (1 - 1e-12))
        step = float(f"{(target - now) / count:.14g}") if count else dt  # one key for equal intervals
        if count and step not in steppers:
            steppers[step] = ETDRK4(system.symbol, step)
        for i in range(count):
            v = steppers[step].step(v, now + i * step, nonlinear)
            taken += 1
            if not torch.isfinite(v).all():
                raise FloatingPointError(
                    f"{name}: the solution is not finite after step {taken} (t = {now + (i + 1) * step:.6g}, dt = {step:.3g}); "
                    "take a smaller dt, or check that the equation is well posed"
                )
        now = target
        frames.append(system.fields(v, now))
    return {field: torch.stack([frame[field] for frame in frames], dim=1) for field in frames[0]}


def _difference(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    """The largest relative L2 difference of any sample, field and time."""
    worst = 0.0
    for field, value in b.items():
        norm = value.flatten(2).norm(dim=2).amax(1, keepdim=True)
        error = (a[field] - value).flatten(2).norm(dim=2)
        worst = max(worst, float((error / norm.clamp_min(torch.finfo(torch.float64).tiny)).max()))
    return worst


def _converged(
    system: PeriodicSystem, name: str, times: Sequence[float], start: float, rtol: float
) -> dict[str, Tensor]:
    span = max(times[-1] - start, torch.finfo(torch.float64).tiny)
    widest = max(b - a for a, b in pairwise((start, *times))) or span
    # from one step a frame on, so that halving the step does halve it between frames
    steps = max(_FIRST_STEPS, math.ceil(span / widest))
    before: dict[str, Tensor] | None = None
    while steps <= _MOST_STEPS:
        try:
            now = _run(system, name, times, start, span / steps)
        except FloatingPointError:
            if 2 * steps > _MOST_STEPS:
                raise
            now = None
        if before is not None and now is not None and _difference(before, now) <= rtol:
            return now
        before, steps = now, 2 * steps
    raise RuntimeError(
        f"{name}: no time step down to {span / _MOST_STEPS:.3g} reaches rtol={rtol:g}; give a larger rtol or a dt"
    )
