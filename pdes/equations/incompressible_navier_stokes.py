"""Incompressible Navier-Stokes equations in velocity and pressure."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.equations.coordinates import space_coords
from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class IncompressibleNavierStokes(PDE):
    """Velocity-pressure form: u_t + (u·∇)u = -∇p + ν Δu and ∇·u = 0.

    Fields are the velocity u, v (and w in three dimensions) and the pressure p over the density, which is
    determined up to a constant unless a condition fixes it.

    Parameters
    ----------
    nu : kinematic viscosity ν > 0 [length²/time]; 1/Re for unit scales
    dimensions : 2 or 3
    steady : without the time t and the time derivative

    Raises ValueError for another number of dimensions.

    Source: G. K. Batchelor, An Introduction to Fluid Dynamics (1967), section 3.3.
    """

    nu: float | Tensor = 0.01
    dimensions: int = 2
    steady: bool = False

    def __post_init__(self) -> None:
        if self.dimensions not in (2, 3):
            raise ValueError(f"IncompressibleNavierStokes has 2 or 3 dimensions, not {self.dimensions}")

    @property
    def coords(self) -> tuple[str, ...]:
        space = space_coords(self.dimensions)
        return space if self.steady else (*space, "t")

    @property
    def fields(self) -> tuple[str, ...]:
        return (*"uvw"[: self.dimensions], "p")

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        space = space_coords(self.dimensions)
        velocity = [getattr(s, name) for name in self.fields[:-1]]
        residuals = {}
        for x, u in zip(space, velocity, strict=True):
            advection = sum(v * d(u, y) for y, v in zip(space, velocity, strict=True))
            momentum = advection + d(s.p, x) - self.nu * sum(d(u, (y, y)) for y in space)
            residuals[f"momentum_{x}"] = momentum if self.steady else momentum + d(u, "t")
        residuals["continuity"] = sum(d(u, x) for x, u in zip(space, velocity, strict=True))
        return residuals
