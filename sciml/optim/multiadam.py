"""MultiAdam: Adam moments for each group of losses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sciml.optim.balancer import Balance, StatefulBalancer, require_betas
from sciml.optim.gradients import loss_gradients, set_gradient


class MultiAdam(StatefulBalancer):
    """The mean of the Adam updates of n groups of losses; for SGD(lr), which applies it as it is.

    With the gradient g_i of the summed losses of group i and the number t of steps so far,

        m_i ← β₁ m_i + (1 - β₁) g_i,     v_i ← β₂ v_i + (1 - β₂) g_i²,
        update = (1/n) Σ_i m_i / (1 - β₁^t) / (√(v_i / (1 - β₂^t)) + ε),

    so that the scale of a group's loss has no effect. One backward pass a group.

    Parameters
    ----------
    groups : names of the losses by the name of the group, each loss in one of them; every loss by itself by default
    betas : β₁, β₂
    eps : ε

    Source: J. Yao et al., MultiAdam, arXiv:2306.02816.
    """

    makes_updates = True

    def __init__(
        self,
        groups: Mapping[str, Sequence[str]] | None = None,
        betas: Sequence[float] = (0.99, 0.99),
        eps: float = 1e-8,
    ) -> None:
        super().__init__()
        self.groups = {name: list(members) for name, members in (groups or {}).items()}
        self.beta1, self.beta2 = require_betas(betas)
        self.eps = eps

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Balance:
        groups = self._grouped(losses)
        self._require_same_losses(losses)
        gradients = loss_gradients(groups, parameters)
        state = self._state
        if "first" not in state:
            state |= {"steps": 0, "first": torch.zeros_like(gradients), "second": torch.zeros_like(gradients)}
        state["steps"] += 1
        first = state["first"].lerp_(gradients, 1 - self.beta1)
        second = state["second"].mul_(self.beta2).addcmul_(gradients, gradients, value=1 - self.beta2)
        correction1, correction2 = (1 - beta ** state["steps"] for beta in (self.beta1, self.beta2))
        root = second.sqrt().div_(math.sqrt(correction2)).add_(self.eps)
        set_gradient(parameters, torch.div(first, root, out=root).mean(dim=0).div_(correction1))
        return Balance(gradients=None if self.groups else gradients)

    def _grouped(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The summed loss of each group."""
        if not self.groups:
            return dict(losses)
        members = [name for group in self.groups.values() for name in group]
        unknown = [name for name in members if name not in losses]
        if unknown:
            raise ValueError(f"groups name the losses {', '.join(unknown)}; the task has {', '.join(losses)}")
        wrong = [name for name in losses if members.count(name) != 1]
        if wrong:
            raise ValueError(f"every loss must be in one group, which is not so for {', '.join(wrong)}")
        empty = [name for name, group in self.groups.items() if not group]
        if empty:
            raise ValueError(f"groups without a loss: {', '.join(empty)}")
        return {
            name: torch.stack([losses[member] for member in group]).sum()
            for name, group in self.groups.items()
        }
