"""Balancers: several losses in, one update direction out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import torch
from torch import Tensor

from sciml.optim.gram import gram_matrix
from sciml.optim.jacobian_weights import jacobian_weights


@dataclass(frozen=True)
class Balance:
    """What a balancer knows of the step that it has just balanced; for the log.

    Attributes
    ----------
    weights : the w_i of the direction Σ_i w_i ∇L_i, in the order of the losses; None where it is not such a sum
    gradients : the ∇L_i (m, P), in the same order; None where it did not take them all
    """

    weights: Sequence[float] | Tensor | None = None
    gradients: Tensor | None = None

    def record(self, names: Sequence[str]) -> dict[str, dict[str, float]]:
        """What is known by the names of the losses: "weights", "gradient_norms" and "gradient_cosines", of pairs "a, b".

        A gradient that vanishes has no cosine.
        """
        found = {}
        if self.weights is not None:
            weights = self.weights.tolist() if isinstance(self.weights, Tensor) else self.weights
            found["weights"] = dict(zip(names, weights, strict=True))
        if self.gradients is not None:
            gram = gram_matrix(self.gradients)
            norms = gram.diagonal().sqrt()
            found["gradient_norms"] = dict(zip(names, norms.tolist(), strict=True))
            cosines = (gram / (norms[:, None] * norms)).tolist()
            found["gradient_cosines"] = {
                f"{names[i]}, {names[j]}": cosines[i][j]
                for i, j in combinations(range(len(names)), 2)
                if norms[i] > 0 and norms[j] > 0
            }
        return found


Jacobians = Callable[[], Mapping[str, Tensor]]
"""By the name of the loss, the Jacobian (n, P) of residuals whose square sum is that loss."""


class Balancer(ABC):
    """Turns named losses into the ``.grad`` of the parameters."""

    makes_updates: ClassVar[bool] = False
    """Whether ``.grad`` is an update that has its own moments, to be applied as it is, and not a gradient."""

    def objective(self, losses: Mapping[str, Tensor]) -> Tensor | None:
        """The scalar whose gradient this balancer follows; None where there is none, so that no line search can be used."""
        return None

    def prepare(self, jacobians: Jacobians) -> None:
        """Called before `backward`, for balancers that need more than the losses.

        Raises ValueError, from ``jacobians``, where the task has no residuals.
        """

    def due(self) -> Sequence[str] | None:
        """The losses that `backward` will take, where it does not take them all; others need not be given to it."""
        return None

    @abstractmethod
    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Balance:
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


_REFRESH_EVERY = 20
"""Steps of least squares between two updates of the weights that it chooses."""


class WeightedSum(StatefulBalancer):
    """The gradient of L = Σ_i w_i L_i.

    Parameters
    ----------
    weights : w_i by the name of the loss, 1 for one not named. With none at all they are 1 for methods with gradients,
        and `jacobian_weights`, refreshed once in a while, for least squares
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.weights = dict(weights or {})

    def observe(self, jacobians: Mapping[str, Tensor]) -> None:
        """Take note of the Jacobians of a step of least squares, by the names of the losses."""
        step = self._state.setdefault("step", 0)
        self._state["step"] = step + 1
        if len(jacobians) > 1 and not self.weights and step % _REFRESH_EVERY == 0:
            self._state["weights"] = jacobian_weights(jacobians)

    def least_squares_weights(self, losses: Mapping[str, Any]) -> list[float]:
        """The w_i for least squares, as of the last `observe`."""
        return loss_weights(losses, self.weights or self._state.get("weights", {}))

    def objective(self, losses: Mapping[str, Tensor]) -> Tensor:
        weights = loss_weights(losses, self.weights)
        return torch.stack([w * loss for w, loss in zip(weights, losses.values(), strict=True)]).sum()

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Balance:
        weights = loss_weights(losses, self.weights)
        pairs = zip(losses.values(), weights, strict=True)
        # autograd's own start of the backward pass is 1, which None stands for
        terms = [(loss, None if w == 1 else loss.new_tensor(w)) for loss, w in pairs if loss.requires_grad]
        gradients = torch.autograd.grad(
            [loss for loss, _ in terms],
            parameters,
            [w for _, w in terms],
            allow_unused=True,
            materialize_grads=True,
        )
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        return Balance(weights)
