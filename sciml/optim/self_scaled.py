"""Self-scaled quasi-Newton methods with a dense inverse Hessian."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from sciml.optim.quasi_newton import QuasiNewton


class ScaledBroyden(QuasiNewton):
    """The scaled Broyden family of updates of the dense inverse Hessian H:

        H ← (H - Hy (Hy)ᵀ / y·Hy + φ (y·Hy) v vᵀ) / τ + s sᵀ / y·s,     v = s / y·s - Hy / y·Hy,

    from (y·s / y·y) times the identity. A method of the family is a choice of τ and φ. For up to a few thousand parameters.

    Parameters
    ----------
    lr, max_iter : as in `QuasiNewton`
    memory : most bytes that H may take

    Raises ValueError, saying how large H would be, where it would take more.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float = 1.0, max_iter: int = 20, memory: float = 4 * 2**30
    ) -> None:
        super().__init__(params, lr, max_iter)
        n = sum(p.numel() for p in self._parameters)
        size = self._parameters[0].element_size() * n**2
        if size > memory:
            raise ValueError(
                f"{type(self).__name__} keeps a dense inverse Hessian, {size / 2**30:.1f} GiB for {n} parameters; "
                "use LBFGS or a smaller network"
            )

    @abstractmethod
    def scaling(self, b: float, h: float, n: int) -> tuple[float, float]:
        """τ and φ from b = s·H⁻¹s / y·s, h = y·Hy / y·s and the number n of parameters."""

    def _times(self, state: dict[str, Any], vector: Tensor) -> Tensor:
        hessian: Tensor = state["inverse_hessian"]
        return hessian @ vector

    def _update(self, state: dict[str, Any], s: Tensor, y: Tensor, s_bs: float) -> None:
        y_s, n = float(y @ s), len(y)
        if not state:
            scale = y_s / float(y @ y)
            s_bs = float(s @ s) / scale
            state["inverse_hessian"] = scale * torch.eye(n, dtype=y.dtype, device=y.device)
        hessian = state["inverse_hessian"]
        h_y = hessian @ y
        y_hy = float(y @ h_y)
        tau, phi = self.scaling(s_bs / y_s, y_hy / y_s, n)
        # the update has rank two: U C Uᵀ with U = (s, Hy), so H is read and written once
        pair = torch.stack([s, h_y])
        mixed = -phi / (tau * y_s)
        coefficients = pair.new_tensor(
            [[phi * y_hy / (tau * y_s**2) + 1 / y_s, mixed], [mixed, (phi - 1) / (tau * y_hy)]]
        )
        hessian.addmm_(pair.T, coefficients @ pair, beta=1 / tau)


class BFGS(ScaledBroyden):
    """BFGS: τ = φ = 1. See `ScaledBroyden`."""

    def scaling(self, b: float, h: float, n: int) -> tuple[float, float]:
        return 1.0, 1.0


class SSBFGS(ScaledBroyden):
    """Self-scaled BFGS: τ = min(1, 1/b), φ = 1: H grows where the step shows that it is too small. See `ScaledBroyden`.

    Source: M. Al-Baali, Comput. Optim. Appl. 9 (1998) 191-203; J. F. Urbán, P. Stefanou, J. A. Pons, arXiv:2405.04230.
    """

    def scaling(self, b: float, h: float, n: int) -> tuple[float, float]:
        return min(1.0, 1 / b), 1.0


class SSBroyden(ScaledBroyden):
    """Self-scaled Broyden, with both parameters of the family from b and h. See `ScaledBroyden`.

    With a = b h - 1 >= 0, c = √(a / (1 + a)) and ρ = min(1, h (1 - c)),

        θ = max((ρ - 1) / a, min(1 / ρ, (1 - b) / b)),     σ = 1 + a θ,     φ = (1 - θ) / σ,
        τ = min(1, 1/b) min(σ^(-1/(n - 1)), 1/θ)  for θ > 0,  else min(min(1, 1/b) σ^(-1/(n - 1)), σ).

    Source: M. Al-Baali, Comput. Optim. Appl. 9 (1998) 191-203; J. F. Urbán, P. Stefanou, J. A. Pons, arXiv:2405.04230.
    """

    def scaling(self, b: float, h: float, n: int) -> tuple[float, float]:
        # by Cauchy-Schwarz not negative, but for rounding
        a = max(b * h - 1, 1e-12)
        rho = min(1.0, h * (1 - (a / (1 + a)) ** 0.5))
        theta = max((rho - 1) / a, min(1 / rho, (1 - b) / b))
        sigma = 1 + a * theta
        size = sigma ** (-1 / max(n - 1, 1))
        scaled = min(1.0, 1 / b)
        tau = scaled * min(size, 1 / theta) if theta > 0 else min(scaled * size, sigma)
        return tau, (1 - theta) / sigma
