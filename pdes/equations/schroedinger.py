"""Focusing nonlinear Schrödinger equation in one dimension."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class Schroedinger(PDE):
    """Cubic Schrödinger: i h_t + ½ h_xx + κ |h|² h = 0, with h = u + i v as two real fields.

    Parameters
    ----------
    kappa : κ, focusing where positive [1/(time h²)]

    Source: V. E. Zakharov, A. B. Shabat, Sov. Phys. JETP 34 (1972) 62.
    """

    kappa: float | Tensor = 1.0

    coords = ("x", "t")
    fields = ("u", "v")

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        potential = self.kappa * (s.u**2 + s.v**2)
        return {
            "real": -d(s.v, "t") + d(s.u, "xx") / 2 + potential * s.u,
            "imaginary": d(s.u, "t") + d(s.v, "xx") / 2 + potential * s.v,
        }
