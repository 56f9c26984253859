"""Weighted sums whose weights are updated in the course of training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sciml.optim.balancer import Balance, StatefulBalancer, WeightedSum
from sciml.optim.gradients import loss_gradients, set_gradient


class AdaptiveWeights(StatefulBalancer):
    """The gradient of Σ_i w_i L_i, whose weights change from step to step.

    There is no objective for a line search, as the weights change between two evaluations.
    """

    @property
    def weights(self) -> dict[str, float]:
        """The w_i of the last step by the name of the loss; empty before the first."""
        return dict(self._state.get("weights", {}))


class LossWeights(AdaptiveWeights):
    """Weights that follow from the values of the losses."""

    @abstractmethod
    def update(self, values: Mapping[str, float]) -> dict[str, float]:
        """The weights of this step from the values of the losses in it."""

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Balance:
        self._require_same_losses(losses)
        weights = self.update({name: float(loss.detach()) for name, loss in losses.items()})
        self._state["weights"] = weights
        return WeightedSum(weights).backward(losses, parameters)


class GradientWeights(AdaptiveWeights):
    """Weights that follow from the gradients of the losses: w_i ← (1 - a) w_i + a ŵ_i, from w_i = 1.

    Parameters
    ----------
    rate : a, from 0 to 1
    every : steps between two updates; a step with one takes a backward pass a loss, any other takes one in all
    """

    def __init__(self, rate: float, every: int) -> None:
        super().__init__()
        require_rate(rate)
        require_positive(every=every)
        self.rate, self.every = rate, every

    @abstractmethod
    def target(self, values: Mapping[str, float], gradients: Mapping[str, Tensor]) -> dict[str, float]:
        """The ŵ_i from the losses' values and flat gradients (P,); where one is left out the weight stays."""

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Balance:
        self._require_same_losses(losses)
        weights = self._state.setdefault("weights", dict.fromkeys(losses, 1.0))
        step = self._state.setdefault("step", 0)
        self._state["step"] = step + 1
        if step % self.every:
            return WeightedSum(weights).backward(losses, parameters)
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        gradients = loss_gradients(losses, parameters)
        target = self.target(values, dict(zip(losses, gradients, strict=True)))
        weights |= {name: (1 - self.rate) * weights[name] + self.rate * new for name, new in target.items()}
        set_gradient(parameters, gradients.new_tensor(list(weights.values())) @ gradients)
        return Balance(list(weights.values()), gradients)


def softmax_of_ratios(
    values: Mapping[str, float], before: Mapping[str, float], temperature: float
) -> dict[str, float]:
    """m softmax_i(L_i / (T L_i,before)) of m losses; the weights sum to m.

    A loss that was zero counts as the smallest positive number, a ratio beyond 1e300 as 1e300.
    """
    now = torch.tensor(list(values.values()), dtype=torch.float64)
    then = torch.tensor([before[name] for name in values], dtype=torch.float64)
    ratios = now / (temperature * then.clamp(min=torch.finfo(torch.float64).tiny))
    weights = len(values) * torch.softmax(ratios.clamp(max=1e300), dim=0)
    return dict(zip(values, weights.tolist(), strict=True))


def require_rate(rate: float) -> None:
    """Raises ValueError for a rate that is not above 0 and at most 1."""
    if not 0 < rate <= 1:
        raise ValueError(f"rate must be above 0 and at most 1, not {rate}")


def require_positive(**options: float) -> None:
    """Raises ValueError for an option that is not above zero."""
    for name, value in options.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, not {value}")
