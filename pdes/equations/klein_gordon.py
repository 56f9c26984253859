"""Nonlinear Klein-Gordon equation in one dimension."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class KleinGordon(PDE):
    """Klein-Gordon: u_tt - c² u_xx + m u + γ u³ = f, with the source f an input field.

    Parameters
    ----------
    c : speed of propagation c > 0 [length/time]
    m : linear restoring coefficient [1/time²]
    gamma : cubic restoring coefficient γ [1/(time² u²)]

    Source: A.-M. Wazwaz, Partial Differential Equations and Solitary Waves Theory (2009).
    """

    c: float | Tensor = 1.0
    m: float | Tensor = 0.0
    gamma: float | Tensor = 1.0

    coords = ("x", "t")
    fields = ("u",)
    inputs = ("f",)

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        waves = d(s.u, "tt") - self.c**2 * d(s.u, "xx")
        return {"klein_gordon": waves + self.m * s.u + self.gamma * s.u**3 - s.f}
