"""Viscous Burgers equation in one dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class Burgers(PDE):
    """Viscous Burgers: u_t + u u_x = ν u_xx.

    Parameters
    ----------
    nu : viscosity ν > 0 [length²/time]; the shock benchmark has 0.01/π, the operator data set 0.1

    Source: J. M. Burgers, Adv. Appl. Mech. 1 (1948) 171.
    """

    nu: float | Tensor = 0.01 / math.pi

    coords = ("x", "t")
    fields = ("u",)

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        return {"momentum": d(s.u, "t") + s.u * d(s.u, "x") - self.nu * d(s.u, "xx")}
