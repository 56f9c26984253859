"""Wave equation in any number of dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.equations.coordinates import space_coords
from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class Wave(PDE):
    """Waves: u_tt = c² Δu.

    Parameters
    ----------
    c : speed of propagation c > 0 [length/time]
    dimensions : number of space dimensions; coordinates are x, y, z up to three and x1, x2, ... beyond, then t

    Source: J. d'Alembert, Hist. Acad. R. Sci. Berlin 3 (1747) 214.
    """

    c: float | Tensor = 1.0
    dimensions: int = 1

    fields = ("u",)

    @property
    def coords(self) -> tuple[str, ...]:
        return (*space_coords(self.dimensions), "t")

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        laplacian = sum(d(s.u, (x, x)) for x in self.coords[:-1])
        return {"wave": d(s.u, "tt") - self.c**2 * laplacian}
