"""Allen-Cahn equation in one dimension."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class AllenCahn(PDE):
    """Allen-Cahn: u_t = D u_xx + r (u - u³).

    u = ±1 are stable and 0 is not; fronts between them are about √(2D/r) wide.

    Parameters
    ----------
    diffusivity : D > 0 [length²/time]
    rate : r > 0 [1/time]

    Source: S. M. Allen, J. W. Cahn, Acta Metall. 27 (1979) 1085.
    """

    diffusivity: float | Tensor = 1e-4
    rate: float | Tensor = 5.0

    coords = ("x", "t")
    fields = ("u",)

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        reaction = self.rate * (s.u - s.u**3)
        return {"phase": d(s.u, "t") - self.diffusivity * d(s.u, "xx") - reaction}
