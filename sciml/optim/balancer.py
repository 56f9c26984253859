"""Balancers: several losses in, one update direction out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor


class Balancer(ABC):
    """Turns named losses into the ``.grad`` of the parameters."""

    def objective(self, losses: Mapping[str, Tensor]) -> Tensor | None:
        """The scalar whose gradient this balancer follows; None where there is none, so that no line search can be used."""
        return None

    @abstractmethod
    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> None:
        """Set the ``.grad`` of ``parameters`` from the losses."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""


class StatefulBalancer(Balancer):
    """A balancer whose next update depends on earlier ones, through ``_state``: numbers, strings and tensors."""

    def __init__(self) -> None:
        self._state: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        return deepcopy(self._state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._state = deepcopy(dict(state))

    def _require_same_losses(self, losses: Mapping[str, Tensor]) -> None:
        """Raises ValueError where the losses are not those of the steps before."""
        known = self._state.setdefault("losses", list(losses))
        if known != list(losses):
            raise ValueError(f"the losses are {', '.join(losses)}; the steps before had {', '.join(known)}")


def loss_weights(losses: Mapping[str, Any], weights: Mapping[str, float]) -> list[float]:
    """The weight of each loss, 1 where none is given.

    Raises ValueError for a weight of a loss that does not exist, and for a negative one.
    """
    unknown = [name for name in weights if name not in losses]
    if unknown:
        raise ValueError(f"weights name the losses {', '.join(unknown)}; the task has {', '.join(losses)}")
    negative = [name for name, weight in weights.items() if weight < 0]
    if negative:
        raise ValueError(f"loss weights must not be negative: {', '.join(negative)}")
    return [float(weights.get(name, 1.0)) for name in losses]


def require_betas(betas: Sequence[float]) -> tuple[float, float]:
    """``betas`` as a pair; ValueError where they are not two numbers from 0 to below 1."""
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas must be two numbers from 0 to below 1, not {list(betas)}")
    return betas[0], betas[1]


class WeightedSum(Balancer):
    """The gradient of L = Σ_i w_i L_i.

    Parameters
    ----------
    weights : w_i by the name of the loss; 1 where none is given
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self.weights = dict(weights or {})

    def objective(self, losses: Mapping[str, Tensor]) -> Tensor:
        weights = loss_weights(losses, self.weights)
        return torch.stack([w * loss for w, loss in zip(weights, losses.values(), strict=True)]).sum()

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> None:
        weights = zip(losses.values(), loss_weights(losses, self.weights), strict=True)
        # autograd's own start of the backward pass is 1, which None stands for
        terms = [(loss, None if w == 1 else loss.new_tensor(w)) for loss, w in weights if loss.requires_grad]
        gradients = torch.autograd.grad(
            [loss for loss, _ in terms],
            parameters,
            [w for _, w in terms],
            allow_unused=True,
            materialize_grads=True,
        )
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
