"""M-ConFIG: ConFIG on momenta, at one backward pass a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sciml.optim.balancer import Balance, StatefulBalancer, loss_weights, require_betas
from sciml.optim.config import config_coefficients, require_length
from sciml.optim.gradients import loss_gradients, set_gradient
from sciml.optim.gram import gram_matrix


class MomentumConFIG(StatefulBalancer):
    """ConFIG of the losses' momenta, with one loss backpropagated a step; for SGD(lr), which applies the update as it is.

    Step k takes the gradient g_i of loss i = k mod m. With the number t_i of gradients that loss i has given,

        m_i ← β₁ m_i + (1 - β₁) g_i,     ĝ = ConFIG(m_1 / (1 - β₁^t_1), ..., m_m / (1 - β₁^t_m)).

    ĝ takes the place of the bias-corrected first moment of Adam; the second is that of the gradient which would
    have led to it. With the number t of updates so far,

        m_c = (1 - β₁^t) ĝ,     g_c = (m_c - β₁ m_c,before) / (1 - β₁),     s ← β₂ s + (1 - β₂) g_c²,
        update = ĝ / (√(s / (1 - β₂^t)) + ε).

    There is no update before every loss has been seen once.

    Parameters
    ----------
    weights : as in `ConFIG`
    betas : β₁ of the momenta, β₂ of the second moment
    eps : ε
    length : as in `ConFIG`

    Source: Q. Liu, M. Chu, N. Thuerey, arXiv:2408.11104, algorithm 1.
    """

    makes_updates = True

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        length: str = "projections",
    ) -> None:
        super().__init__()
        self.weights = dict(weights or {})
        self.beta1, self.beta2 = require_betas(betas)
        self.eps = eps
        self.length = require_length(length)

    def due(self) -> Sequence[str] | None:
        names = self._state.get("losses")
        return None if names is None else [names[self._state.get("seen", 0) % len(names)]]

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Balance:
        if list(losses) != self.due():
            self._require_same_losses(losses)
        names = self._state["losses"]
        weights = torch.tensor(loss_weights(dict.fromkeys(names), self.weights), dtype=torch.float64)
        seen = self._state.get("seen", 0)
        index = seen % len(names)
        name = names[index]
        gradient = loss_gradients({name: losses[name]}, parameters)[0]
        if "momenta" not in self._state:
            self._state |= {
                "seen": 0,
                "updates": 0,
                "momenta": gradient.new_zeros(len(names), len(gradient)),
                "common": torch.zeros_like(gradient),
                "second": torch.zeros_like(gradient),
            }
        self._state["momenta"][index].lerp_(gradient, 1 - self.beta1)
        self._state["seen"] = seen + 1
        update, coefficients = self._update(weights)
        set_gradient(parameters, update)
        return Balance(coefficients)

    def _update(self, weights: Tensor) -> tuple[Tensor, Tensor | None]:
        """The update, and the coefficients of the momenta in ĝ once there is one."""
        state = self._state
        momenta, common, second = state["momenta"], state["common"], state["second"]
        seen, m = state["seen"], len(momenta)
        if seen < m:
            return torch.zeros_like(common), None
        state["updates"] += 1
        t = state["updates"]
        counts = [(seen - i + m - 1) // m for i in range(m)]
        # the scale of each momentum goes into the Gram matrix and the coefficients: no copy of (m, P)
        scale = torch.tensor([1 / (1 - self.beta1**n) for n in counts], dtype=torch.float64).to(
            momenta.device
        )
        gram = gram_matrix(momenta) * scale[:, None] * scale
        coefficients = config_coefficients(gram, weights, self.length) * scale
        update = coefficients.to(momenta.dtype) @ momenta
        new_common = update * (1 - self.beta1**t)
        pseudo = common.mul_(-self.beta1).add_(new_common).div_(1 - self.beta1)
        second.mul_(self.beta2).addcmul_(pseudo, pseudo, value=1 - self.beta2)
        state["common"] = new_common
        return update.div_((second / (1 - self.beta2**t)).sqrt_().add_(self.eps)), coefficients
