"""Helmholtz equation in any number of dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.equations.coordinates import space_coords
from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class Helmholtz(PDE):
    """Helmholtz: Δu + k² u = f, with the source f an input field.

    Parameters
    ----------
    k : wavenumber [1/length]
    dimensions : number of space dimensions; coordinates are x, y, z up to three and x1, x2, ... beyond

    Source: H. von Helmholtz, J. Reine Angew. Math. 57 (1860) 1.
    """

    k: float | Tensor = 1.0
    dimensions: int = 2

    fields = ("u",)
    inputs = ("f",)

    @property
    def coords(self) -> tuple[str, ...]:
        return space_coords(self.dimensions)

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        laplacian = sum(d(s.u, (x, x)) for x in self.coords)
        return {"helmholtz": laplacian + self.k**2 * s.u - s.f}
