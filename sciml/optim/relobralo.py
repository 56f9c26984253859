"""ReLoBRaLo: losses that fell least get more weight, with random lookback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from sciml.optim.adaptive_weights import LossWeights, require_positive, softmax_of_ratios


class ReLoBRaLo(LossWeights):
    """The gradient of Σ_i w_i L_i with relative loss balancing and random lookback.

        b_i(t, t') = m softmax_i(L_i(t) / (T L_i(t'))),
        w_i(t) = α (ρ w_i(t - 1) + (1 - ρ) b_i(t, 0)) + (1 - α) b_i(t, t - 1),

    where ρ is 1 with probability ``lookback`` and otherwise 0. The first step has w_i = 1.

    Parameters
    ----------
    alpha : α, how slowly the weights change
    lookback : expectation of ρ
    temperature : T; the larger, the more equal the weights
    seed : of the draws of ρ

    Source: R. Bischof, M. Kraus, arXiv:2110.09813.
    """

    def __init__(
        self, alpha: float = 0.999, lookback: float = 0.999, temperature: float = 0.1, seed: int = 0
    ) -> None:
        super().__init__()
        for name, share in {"alpha": alpha, "lookback": lookback}.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {share}")
        require_positive(temperature=temperature)
        self.alpha, self.lookback, self.temperature = alpha, lookback, temperature
        self._generator = torch.Generator().manual_seed(seed)

    def update(self, values: Mapping[str, float]) -> dict[str, float]:
        state = self._state
        before = state.get("values")
        state["values"] = dict(values)
        if before is None:
            state["first"] = dict(values)
            return dict.fromkeys(values, 1.0)
        keep = float(torch.rand((), generator=self._generator, dtype=torch.float64)) < self.lookback
        history = state["weights"] if keep else softmax_of_ratios(values, state["first"], self.temperature)
        recent = softmax_of_ratios(values, before, self.temperature)
        return {name: self.alpha * history[name] + (1 - self.alpha) * recent[name] for name in values}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "rng": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict({name: value for name, value in state.items() if name != "rng"})
        self._generator.set_state(state["rng"].cpu())
