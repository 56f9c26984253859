"""Poisson equation in any number of dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.equations.coordinates import space_coords
from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class Poisson(PDE):
    """Poisson: -Δu = f, with the source f an input field.

    Parameters
    ----------
    dimensions : number of space dimensions; coordinates are x, y, z up to three and x1, x2, ... beyond

    Source: S. D. Poisson, Nouveau Bulletin de la Société philomathique 3 (1813) 388.
    """

    dimensions: int = 2

    fields = ("u",)
    inputs = ("f",)

    @property
    def coords(self) -> tuple[str, ...]:
        return space_coords(self.dimensions)

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        return {"poisson": -sum(d(s.u, (x, x)) for x in self.coords) - s.f}
