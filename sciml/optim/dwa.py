"""Dynamic weight average: losses that fall slowly get more weight."""

from __future__ import annotations

from collections.abc import Mapping

from sciml.optim.adaptive_weights import LossWeights, require_positive, softmax_of_ratios


class DWA(LossWeights):
    """The gradient of Σ_i w_i L_i with a dynamic weight average: w_i = m softmax_i(L_i(k - 1) / (T L_i(k - 2))).

    L_i(k) is the mean of a loss over the k-th stretch of ``every`` steps; w_i = 1 in the first two.

    Parameters
    ----------
    temperature : T; the larger, the more equal the weights
    every : steps in a stretch; the number of batches of an epoch is the published choice

    Source: S. Liu, E. Johns, A. Davison, arXiv:1803.10704.
    """

    def __init__(self, temperature: float = 2.0, every: int = 1) -> None:
        super().__init__()
        require_positive(temperature=temperature, every=every)
        self.temperature, self.every = temperature, every

    def update(self, values: Mapping[str, float]) -> dict[str, float]:
        state = self._state
        stretches = state.setdefault("stretches", [])
        if len(stretches) == 2:
            weights = softmax_of_ratios(stretches[1], stretches[0], self.temperature)
        else:
            weights = dict.fromkeys(values, 1.0)
        state["count"] = state.get("count", 0) + 1
        sums = state.setdefault("sums", dict.fromkeys(values, 0.0))
        sums |= {name: sums[name] + value for name, value in values.items()}
        if state["count"] == self.every:
            mean = {name: total / self.every for name, total in sums.items()}
            state |= {"stretches": [*stretches[-1:], mean], "count": 0, "sums": dict.fromkeys(values, 0.0)}
        return weights
