"""Heat equation in any number of dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.equations.coordinates import space_coords
from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class Heat(PDE):
    """Heat conduction: u_t = κ Δu.

    Parameters
    ----------
    kappa : thermal diffusivity κ > 0 [length²/time]
    dimensions : number of space dimensions; coordinates are x, y, z up to three and x1, x2, ... beyond, then t

    Source: J. Fourier, Théorie analytique de la chaleur (1822).
    """

    kappa: float | Tensor = 1.0
    dimensions: int = 1

    fields = ("u",)

    @property
    def coords(self) -> tuple[str, ...]:
        return (*space_coords(self.dimensions), "t")

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        laplacian = sum(d(s.u, (x, x)) for x in self.coords[:-1])
        return {"heat": d(s.u, "t") - self.kappa * laplacian}
