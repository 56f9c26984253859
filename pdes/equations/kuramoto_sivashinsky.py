"""Kuramoto-Sivashinsky equation in one dimension."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class KuramotoSivashinsky(PDE):
    """Kuramoto-Sivashinsky: u_t + α u u_x + β u_xx + γ u_xxxx = 0.

    Modes with a wavenumber below √(β/γ) grow, shorter ones decay; on a long interval the flow is chaotic.

    Parameters
    ----------
    alpha, beta, gamma : α [length/(time u)], β > 0 [length²/time] and γ > 0 [length⁴/time]

    Source: Y. Kuramoto, T. Tsuzuki, Prog. Theor. Phys. 55 (1976) 356; G. I. Sivashinsky, Acta Astronaut. 4
    (1977) 1177.
    """

    alpha: float | Tensor = 1.0
    beta: float | Tensor = 1.0
    gamma: float | Tensor = 1.0

    coords = ("x", "t")
    fields = ("u",)

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        steepening = self.alpha * s.u * d(s.u, "x")
        linear = self.beta * d(s.u, "xx") + self.gamma * d(s.u, "xxxx")
        return {"flow": d(s.u, "t") + steepening + linear}
