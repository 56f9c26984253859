"""Self-adaptive weights: gradient ascent on the weights, descent on the parameters."""

from __future__ import annotations

from collections.abc import Mapping

from sciml.optim.adaptive_weights import LossWeights, require_positive
from sciml.optim.balancer import loss_weights


class SelfAdaptive(LossWeights):
    """The saddle point min_θ max_w Σ_i w_i L_i(θ): w_i ← w_i + η L_i after every step.

    The published method has a weight for every collocation point; this is its form with one for every loss. Weights
    only grow, and with them the step of an optimiser that does not normalise it: use Adam.

    Parameters
    ----------
    weights : the first w_i by the name of the loss; 1 by default
    rate : η

    Source: L. McClenny, U. Braga-Neto, arXiv:2009.04544.
    """

    def __init__(self, weights: Mapping[str, float] | None = None, rate: float = 1e-3) -> None:
        super().__init__()
        require_positive(rate=rate)
        self.initial, self.rate = dict(weights or {}), rate

    def update(self, values: Mapping[str, float]) -> dict[str, float]:
        state = self._state
        if "values" not in state:
            weights = dict(zip(values, loss_weights(values, self.initial), strict=True))
        else:
            weights = {name: w + self.rate * state["values"][name] for name, w in state["weights"].items()}
        state["values"] = dict(values)
        return weights
