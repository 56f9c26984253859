"""Darcy flow through a porous medium in two dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class Darcy(PDE):
    """Darcy flow: -∇·(a ∇u) = f, with pressure u and permeability a(x, y) > 0 (an input field).

    The residual is in conservative form. Where a jumps, its pointwise value at the interface is not
    meaningful; use it on smooth coefficients, or compare fluxes.

    Parameters
    ----------
    f : source [pressure · permeability / length²], constant

    Source: H. Darcy, Les fontaines publiques de la ville de Dijon (1856); as a learning benchmark
    Z. Li et al., arXiv:2010.08895, section 5.2.
    """

    f: float | Tensor = 1.0

    coords = ("x", "y")
    fields = ("u",)
    inputs = ("a",)

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        flux_x, flux_y = s.a * d(s.u, "x"), s.a * d(s.u, "y")
        return {"mass": -d(flux_x, "x") - d(flux_y, "y") - self.f}
