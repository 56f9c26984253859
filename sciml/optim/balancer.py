"""Balancers: several losses in, one update direction out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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


def loss_weights(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> list[float]:
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
        gradients = torch.autograd.grad(
            self.objective(losses), parameters, allow_unused=True, materialize_grads=True
        )
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
