"""NTK weights: every loss decays at the same rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from sciml.optim.adaptive_weights import AdaptiveWeights, require_positive, require_rate
from sciml.optim.balancer import Balance, Jacobians, WeightedSum
from sciml.optim.jacobian_weights import kernel_traces


class NTK(AdaptiveWeights):
    """The gradient of Σ_i w_i L_i with weights from the neural tangent kernel: w_i ← (1 - a) w_i + a tr K / tr K_ii.

    K = J Jᵀ is the kernel of all residuals, each scaled so that its square sum is its loss, L_i = |r_i|², and K_ii = J_i J_iᵀ its block
    for loss i. With r_i over √N_i in a mean of N_i squares, tr K_ii is the mean of |∇r|² over the points, whatever their number.
    A weight stays where tr K_ii is zero. For tasks with residuals: an update takes their whole Jacobian.

    Parameters
    ----------
    rate : a; 1 takes the new weights as they are
    every : steps between two updates of the weights

    Source: S. Wang, X. Yu, P. Perdikaris, arXiv:2007.14527, algorithm 1.
    """

    def __init__(self, rate: float = 1.0, every: int = 100) -> None:
        super().__init__()
        require_rate(rate)
        require_positive(every=every)
        self.rate, self.every = rate, every

    def prepare(self, jacobians: Jacobians) -> None:
        step = self._state.setdefault("step", 0)
        self._state["step"] = step + 1
        if step % self.every:
            return
        traces = kernel_traces(jacobians())
        weights = self._state.setdefault("weights", dict.fromkeys(traces, 1.0))
        total = sum(traces.values())
        for name, trace in traces.items():
            if trace > 0:
                weights[name] = (1 - self.rate) * weights[name] + self.rate * total / trace

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Balance:
        self._require_same_losses(losses)
        return WeightedSum(self.weights).backward(losses, parameters)
