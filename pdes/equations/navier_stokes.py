"""Incompressible Navier-Stokes equations in two dimensions, vorticity form."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdes.pde import PDE, Derivative, State


@dataclass(frozen=True)
class NavierStokes(PDE):
    """Vorticity form: ω_t + u ω_x + v ω_y = ν Δω + f with u = ψ_y, v = -ψ_x and Δψ = -ω.

    Fields are the vorticity ``w`` and the stream function ``psi``; the input ``f`` is the curl of the
    body force (0 for a free flow). The velocity is divergence-free by construction.

    Parameters
    ----------
    nu : kinematic viscosity ν > 0 [length²/time]

    Source: A. J. Majda and A. L. Bertozzi, Vorticity and Incompressible Flow (2002), section 2.1.
    """

    nu: float | Tensor = 1e-3

    coords = ("x", "y", "t")
    fields = ("w", "psi")
    inputs = ("f",)

    def residual(self, s: State, d: Derivative) -> dict[str, Tensor]:
        advection = d(s.psi, "y") * d(s.w, "x") - d(s.psi, "x") * d(s.w, "y")
        diffusion = self.nu * (d(s.w, "xx") + d(s.w, "yy"))
        return {
            "vorticity": d(s.w, "t") + advection - diffusion - s.f,
            "stream": d(s.psi, "xx") + d(s.psi, "yy") + s.w,
        }
