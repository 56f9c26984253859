"""Limited-memory BFGS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from sciml.optim.quasi_newton import QuasiNewton


class LBFGS(QuasiNewton):
    """Limited-memory BFGS: H is BFGS's from the last iterations' changes of parameters and gradient, never formed.

    For any number of parameters. It has no tolerances that would end it early.

    Parameters
    ----------
    lr, max_iter : as in `QuasiNewton`
    history_size : iterations that H follows from

    Source: D. C. Liu, J. Nocedal, Math. Program. 45 (1989) 503-528.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float = 1.0, max_iter: int = 20, history_size: int = 50
    ) -> None:
        super().__init__(params, lr, max_iter, history_size=history_size)

    def _times(self, state: dict[str, Any], vector: Tensor) -> Tensor:
        pairs = list(zip(state["steps"], state["changes"], state["products"], strict=True))
        result, shares = vector.clone(), []
        for s, y, y_s in reversed(pairs):
            shares.append(float(s @ result) / y_s)
            result.add_(y, alpha=-shares[-1])
        _, y, y_s = pairs[-1]
        result *= y_s / float(y @ y)
        for (s, y, y_s), share in zip(pairs, reversed(shares), strict=True):
            result.add_(s, alpha=share - float(y @ result) / y_s)
        return result

    def _update(self, state: dict[str, Any], s: Tensor, y: Tensor, s_bs: float) -> None:
        keep = self.param_groups[0]["history_size"] - 1
        for name, value in {"steps": s, "changes": y, "products": float(y @ s)}.items():
            kept = state.get(name, [])
            state[name] = [*kept[max(len(kept) - keep, 0) :], value]
