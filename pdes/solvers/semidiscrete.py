"""A PDE on a periodic grid as ordinary differential equations in Fourier space, derived from its residual."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pdes.grid import Grid
from pdes.pde import PDE, State
from pdes.solvers.clock import SpaceTimeDerivatives, by_clock
from pdes.solvers.fourier_modes import FourierModes

_SINGULAR = 1e-13
"""A symbol below this fraction of its largest value is zero."""
_AGREE = 1e-8
"""Relative difference up to which two evaluations of one linear operator agree."""


class PeriodicSystem:
    """dv/dt = rate(v, t) for the Fourier coefficients v of those fields that have a time derivative.

    The residual is R = M e_t + G(e, c): e the fields with a time derivative, c the others (a stream
    function, a potential). Evaluations of ``pde.residual`` tell which is which and give the symbols of
    M and of A = dG/dc in the residuals without e_t, both linear with constant coefficients. Then
    c = -A^-1 G(e, 0) (its undetermined mean is 0) and rate = -M^-1 G(e, c). Where G(e, 0) is linear in e
    with constant coefficients, too (a stream function), its symbol replaces its evaluation.

    Products are formed on the grid and cut to the modes |m| < n/3 of each axis (the 2/3 rule): quadratic
    terms are free of aliasing.

    Attributes
    ----------
    evolving, constrained : names of the fields e and c
    start : v of the initial fields (batch, evolving, *modes)
    symbol : L, the diagonal of the linearised rate, of the shape of ``start``

    Raises ValueError where the equation is not of this kind, saying why.
    """

    def __init__(
        self,
        pde: PDE,
        grid: Grid,
        initial: Mapping[str, Tensor],
        inputs: Mapping[str, Tensor],
        times: tuple[float, float],
    ) -> None:
        self._pde, self._grid, self._name = pde, grid, type(pde).__name__
        like = next(iter(initial.values()))
        self._batch, self._device = like.shape[0], like.device
        self._modes = FourierModes(grid, self._device)
        self._to_modes, self._to_values = self._modes.of, self._modes.values
        self._mesh = dict(zip(grid.names, grid.mesh(device=self._device), strict=True))
        self._inputs = dict(inputs)
        self._generator = torch.Generator().manual_seed(0)

        with torch.enable_grad():
            self._classify(initial, times)
        missing = [name for name in self.evolving if name not in initial]
        if missing:
            raise ValueError(
                f"{self._name}: initial values of {', '.join(missing)} are missing; {missing[0]!r} has a time derivative"
            )
        extra = [name for name in initial if name not in self.evolving]
        if extra:
            raise ValueError(
                f"{self._name}: {', '.join(extra)} cannot have an initial value (it evolves {', '.join(self.evolving)}); leave it out"
            )
        self.start = self._to_modes(torch.stack([initial[name] for name in self.evolving], dim=1))
        with torch.enable_grad():
            self.symbol = self._linearise(times[0])

    # --- the residual -------------------------------------------------------------------------------

    def _residual(
        self,
        fields: Mapping[str, Tensor],
        clock: Tensor | float,
        by_time: Callable[[Tensor], Tensor] = torch.zeros_like,
        inputs: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """All residuals (batch, residual, *grid)."""
        t = torch.as_tensor(clock, dtype=torch.float64, device=self._device).expand(self._grid.shape)
        state = State({**self._mesh, "t": t, **(self._inputs if inputs is None else inputs), **fields})
        residuals = self._pde.named_residual(state, SpaceTimeDerivatives(self._pde, self._grid, by_time))
        return torch.stack(list(residuals.values()), dim=1)

    def _moving(
        self,
        fields: Mapping[str, Tensor],
        t: float,
        rates: Mapping[str, Tensor],
        bends: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """The residuals at time t of fields u + rate (t' - t) + bend (t' - t)² / 2."""
        clock = torch.tensor(t, dtype=torch.float64, device=self._device, requires_grad=True)
        since = clock - t
        moving = {
            name: value + since * rates.get(name, 0.0) + since**2 / 2 * (bends or {}).get(name, 0.0)
            for name, value in fields.items()
        }
        return self._residual(moving, clock, by_clock(clock)).detach()

    def _frozen(self, fields: Mapping[str, Tensor], t: float) -> Tensor:
        return self._residual(fields, t).detach()

    # --- what kind of equation it is ------------------------------------------------------------------

    def _classify(self, initial: Mapping[str, Tensor], times: tuple[float, float]) -> None:
        fields = {}
        for name in self._pde.fields:
            base = initial.get(
                name, torch.zeros(self._batch, *self._grid.shape, dtype=torch.float64, device=self._device)
            )
            size = base.square().mean().sqrt()
            # near the initial state, where the equation makes sense, yet nowhere constant
            fields[name] = base + (0.05 * size if size > 0 else 1.0) * self._modes.noise(
                self._batch, self._generator, 2
            )
        t = times[0]
        rest = self._moving(fields, t, {})
        if not torch.isfinite(rest).all():
            raise ValueError(f"{self._name}: the residual is not finite within 5% of the initial state")
        shakes = {name: self._modes.noise(self._batch, self._generator, 1) for name in self._pde.fields}
        responses = {name: self._moving(fields, t, {name: shakes[name]}) - rest for name in self._pde.fields}
        if any(self._moving(fields, t, {}, {name: shakes[name]}).ne(rest).any() for name in self._pde.fields):
            raise ValueError(
                f"{self._name} has a second time derivative; write it as a first-order system (u_t = v, v_t = ...) to solve it"
            )
        touched = torch.stack([responses[name].flatten(2).ne(0).any(-1).any(0) for name in self._pde.fields])
        self.evolving = tuple(n for n, row in zip(self._pde.fields, touched, strict=True) if row.any())
        self.constrained = tuple(name for name in self._pde.fields if name not in self.evolving)
        self._evolution_rows = touched.any(0).nonzero().flatten()
        self._constraint_rows = (~touched.any(0)).nonzero().flatten()
        if not self.evolving:
            raise ValueError(f"{self._name} has no time derivative, so it is no evolution equation")
        if len(self._evolution_rows) != len(self.evolving) or len(self._constraint_rows) != len(
            self.constrained
        ):
            raise ValueError(
                f"{self._name} has {len(self._evolution_rows)} residuals with a time derivative for "
                f"{len(self.evolving)} fields that have one, and {len(self._constraint_rows)} without for {len(self.constrained)}; "
                "the numbers must be equal"
            )

        def change(name: str, bump: Tensor) -> Tensor:
            return self._moving(fields, t, {name: bump}) - rest

        mass = self._operator(self.evolving, self._evolution_rows, change, 0)
        for now in times:
            still = self._frozen(fields, now)
            moved = self._moving(fields, now, shakes) - still
            if not self._agrees(mass, self.evolving, self._evolution_rows, shakes, moved):
                raise ValueError(
                    f"{self._name}: the time derivative must have a constant coefficient, as in u_t = F(u)"
                )
        self._inverse_mass = self._invert(mass, self.evolving, singular_mean=False)

        if self.constrained:
            flat = {
                name: torch.zeros_like(v) if name in self.constrained else v for name, v in fields.items()
            }
            without = self._frozen(flat, t)

            def shift(name: str, bump: Tensor) -> Tensor:
                return self._frozen({**flat, name: bump.expand_as(flat[name])}, t) - without

            coupling = self._operator(self.constrained, self._constraint_rows, shift, 1)
            bumped = {**flat, **{name: shakes[name] for name in self.constrained}}
            for now in times:
                moved = self._frozen(bumped, now) - self._frozen(flat, now)
                if not self._agrees(coupling, self.constrained, self._constraint_rows, shakes, moved):
                    raise ValueError(
                        f"{self._name}: a residual without time derivative must be linear in "
                        f"{', '.join(self.constrained)} with constant coefficients"
                    )
            self._inverse_coupling = self._invert(coupling, self.constrained, singular_mean=True)
            self._source = self._linear_source(flat, times)

    def _linear_source(self, flat: Mapping[str, Tensor], times: tuple[float, float]) -> Tensor | None:
        """The symbol of G(e, 0) in the residuals without time derivative, if it is linear in e."""

        def source(name: str, bump: Tensor) -> Tensor:
            fields = {other: torch.zeros_like(value) for other, value in flat.items()}
            return self._frozen({**fields, name: bump.expand_as(flat[name])}, times[0])

        symbol = self._operator(self.evolving, self._constraint_rows, source, 1)
        linear = all(
            self._agrees(symbol, self.evolving, self._constraint_rows, flat, self._frozen(flat, now))
            for now in times
        )
        return symbol if linear else None

    def _operator(
        self, names: tuple[str, ...], rows: Tensor, change: Callable[[str, Tensor], Tensor], decay: int
    ) -> Tensor:
        """The matrix symbol (*modes, row, column) of the linear map from the fields ``names`` to the residuals ``rows``."""
        bump, spectrum = self._modes.impulse(decay)
        columns = [self._to_modes(change(name, bump)[0, rows]) for name in names]
        symbol = torch.stack(columns, dim=-1) / torch.where(self._modes.kept, spectrum, 1.0)[None, ..., None]
        return symbol.movedim(0, -2)

    def _agrees(
        self,
        symbol: Tensor,
        names: tuple[str, ...],
        rows: Tensor,
        fields: Mapping[str, Tensor],
        found: Tensor,
    ) -> bool:
        """Whether ``symbol`` takes the fields ``names`` to the residuals ``rows`` that were found."""
        expected = self._apply(symbol, self._to_modes(torch.stack([fields[name] for name in names], dim=1)))
        error = (self._to_modes(found[:, rows]) - expected).norm()
        return bool(error <= _AGREE * expected.norm())  # false for NaN

    def _invert(self, symbol: Tensor, names: tuple[str, ...], *, singular_mean: bool) -> Tensor:
        values = torch.linalg.svdvals(symbol)
        floor = _SINGULAR * float(values.max())
        singular = (values[..., -1] <= floor) & self._modes.kept
        if singular_mean:
            singular = singular & (self._modes.square > 0)
        if singular.any():
            raise ValueError(
                f"{self._name}: the residuals do not determine {', '.join(names)}; "
                "an incompressible flow, for one, needs its vorticity form"
            )
        return torch.linalg.pinv(symbol, atol=floor, rtol=0.0) * self._modes.kept[..., None, None]

    @staticmethod
    def _apply(symbol: Tensor, modes: Tensor) -> Tensor:
        return torch.einsum("...ij,bj...->bi...", symbol, modes)

    # --- the differential equations -------------------------------------------------------------------

    def _complete(self, v: Tensor, t: float, inputs: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        fields = dict(zip(self.evolving, self._to_values(v).unbind(1), strict=True))
        if self.constrained:
            if self._source is not None:
                source = self._apply(self._source, v)
            else:
                zero = torch.zeros_like(next(iter(fields.values())))
                alone = {**fields, **dict.fromkeys(self.constrained, zero)}
                source = self._to_modes(self._residual(alone, t, inputs=inputs)[:, self._constraint_rows])
            found = self._to_values(-self._apply(self._inverse_coupling, source))
            fields |= dict(zip(self.constrained, found.unbind(1), strict=True))
        return fields

    def _rate(self, v: Tensor, t: float, inputs: Mapping[str, Tensor] | None = None) -> Tensor:
        residuals = self._residual(self._complete(v, t, inputs), t, inputs=inputs)
        return -self._apply(self._inverse_mass, self._to_modes(residuals[:, self._evolution_rows]))

    def fields(self, v: Tensor, t: float) -> dict[str, Tensor]:
        """All fields (batch, *grid) by name, in the order of the equation."""
        found = self._complete(v, t, None)
        return {name: found[name] for name in self._pde.fields}

    def rate(self, v: Tensor, t: float) -> Tensor:
        """dv/dt, of the shape of ``v``."""
        return self._rate(v, t)

    def _linearise(self, t: float) -> Tensor:
        """The diagonal of the linearised rate about the mean of each sample, with the mean of every input.

        It only divides the rate between the exponential and the Runge-Kutta part of a step, so where there is
        no such symbol (coefficients explicit in x, a singular state) zero serves: all is left to Runge-Kutta.
        """
        space = self._modes.dims
        mean = self._to_values(self.start).mean(space, keepdim=True).expand(-1, -1, *self._grid.shape)
        inputs = {
            name: value.mean(space, keepdim=True).expand_as(value) for name, value in self._inputs.items()
        }
        bump, spectrum = self._modes.impulse(1)
        shift = [axis.n // 3 for axis in self._grid]

        def push(direction: Tensor) -> Tensor:
            """The directional derivative of the rate at the mean, as coefficients."""
            along = torch.zeros((), dtype=torch.float64, device=self._device, requires_grad=True)
            rate = self._to_values(self._rate(self._to_modes(mean + along * direction), t, inputs))
            return self._to_modes(by_clock(along)(rate).detach())

        symbol = torch.zeros_like(self.start)
        for j in range(len(self.evolving)):
            direction = torch.zeros_like(mean)
            direction[:, j] = bump
            there, shifted = push(direction), push(direction.roll(shift, space))
            back = self._to_modes(self._to_values(shifted).roll([-s for s in shift], space))
            if (back - there).norm() <= _AGREE * there.norm():  # false for NaN
                symbol[:, j] = there[:, j] / torch.where(self._modes.kept, spectrum, 1.0)
        return symbol
