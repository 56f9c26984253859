"""NTK weights: every loss decays at the same rate."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from sciml.optim.adaptive_weights import GradientWeights


class NTK(GradientWeights):
    """The gradient of Σ_i w_i L_i with weights from the neural tangent kernel: w_i ← (1 - a) w_i + a Σ_j q_j / q_i.

    The published weights have q_i = tr K_ii for the kernel K_ii = J_i J_iᵀ of the N_i residuals r_i of loss i. A loss
    L_i = |r_i|² / N_i gives no trace, but the kernel's mean in the direction of its residuals, weighted by N_i:

        q_i = |∇√L_i|² = |∇L_i|² / (4 L_i) = r_iᵀ K_ii r_i / (N_i r_iᵀ r_i),

    which is a quarter of the rate -d(log L_i)/dt at which gradient flow on L_i alone lowers it, and is tr K_ii where
    N_i = 1. So the losses must be means of squares. A weight stays where L_i or ∇L_i is zero.

    Parameters
    ----------
    rate : a; 1 takes the new weights as they are
    every : steps between two updates of the weights

    Source: S. Wang, X. Yu, P. Perdikaris, arXiv:2007.14527, but for q_i.
    """

    def __init__(self, rate: float = 0.1, every: int = 10) -> None:
        super().__init__(rate, every)

    def target(self, values: Mapping[str, float], gradients: Mapping[str, Tensor]) -> dict[str, float]:
        negative = [name for name, value in values.items() if value < 0]
        if negative:
            raise ValueError(
                f"NTK weights need losses that are means of squares; negative: {', '.join(negative)}"
            )
        rates = {
            name: float(gradient.double().square().sum()) / (4 * values[name])
            for name, gradient in gradients.items()
            if values[name] > 0
        }
        total = sum(rates.values())
        return {name: total / rate for name, rate in rates.items() if rate > 0}
