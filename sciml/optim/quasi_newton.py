"""Quasi-Newton methods: gradients along the way say what the curvature is."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sciml.optim.line_search import Trial, strong_wolfe

_LOG = logging.getLogger(__name__)


class QuasiNewton(torch.optim.Optimizer, ABC):
    """θ ← θ - a H g with a strong-Wolfe step a and an approximation H of the inverse Hessian.

    A method says how H is kept. Where no step along -H g decreases f, H is forgotten; where none along -g does
    either, the step ends with a warning. Trial steps at which f is not finite are shortened.

    Every step evaluates its first gradient anew: H outlives a change of the points on which f is evaluated, but
    gradients on different points are never subtracted. Use float64.

    Parameters
    ----------
    lr : the first a that a line search tries
    max_iter : iterations a step

    Raises FloatingPointError where f or its gradient is not finite at the present parameters.
    """

    needs: ClassVar[str] = "objective"

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float = 1.0, max_iter: int = 20, **more: Any
    ) -> None:
        super().__init__(params, {"lr": lr, "max_iter": max_iter, **more})
        self._parameters = [p for group in self.param_groups for p in group["params"]]
        if any(p.is_complex() for p in self._parameters):
            raise ValueError(f"{type(self).__name__} needs real parameters; use Adam")
        self._stuck = False

    @abstractmethod
    def _times(self, state: dict[str, Any], vector: Tensor) -> Tensor:
        """H times a vector (P,), with what `_update` has put into ``state``."""

    @abstractmethod
    def _update(self, state: dict[str, Any], s: Tensor, y: Tensor, s_bs: float) -> None:
        """Learn from the changes s of the parameters and y of the gradient over an iteration, where y·s > 0.

        ``s_bs`` is s·H⁻¹s. ``state`` is empty at first.
        """

    @torch.no_grad()
    def step(self, closure: Callable[[], float]) -> float:  # type: ignore[override]
        """At most ``max_iter`` iterations. ``closure`` evaluates f and sets its gradient; the last f is returned."""
        group, state = self.param_groups[0], self.state[self._parameters[0]]
        evaluate = torch.enable_grad()(closure)
        value, gradient = float(evaluate()), self._gradient()
        if not (math.isfinite(value) and bool(torch.isfinite(gradient).all())):
            raise FloatingPointError("the objective or its gradient is not finite")
        for _ in range(group["max_iter"]):
            direction = -self._times(state, gradient) if state else -gradient
            start = Trial(0.0, value, float(gradient @ direction), gradient)
            first = group["lr"] * (
                1.0 if state else min(1.0, 1 / float(gradient.abs().sum().clamp(min=1e-300)))
            )
            found = self._search(start, direction, first, evaluate)
            if found is not None:
                s, y = found.step * direction, found.gradient - gradient
                if float(y @ s) > 0:
                    self._update(state, s, y, -(found.step**2) * start.slope)
                value, gradient = found.value, found.gradient
                self._stuck = False
            elif state:
                state.clear()
            else:
                self._warn(gradient)
                break
        return value

    def _warn(self, gradient: Tensor) -> None:
        if not self._stuck and bool(gradient.any()):
            _LOG.warning("no step along the gradient decreases the objective; the parameters stay")
        self._stuck = True

    def _search(
        self, start: Trial, direction: Tensor, first: float, evaluate: Callable[[], float]
    ) -> Trial | None:
        """The accepted trial, with the parameters there; None, with the parameters as before, where there is none."""
        before = [p.clone() for p in self._parameters]
        pieces = direction.split([p.numel() for p in self._parameters])

        def move(step: float) -> None:
            for p, value, piece in zip(self._parameters, before, pieces, strict=True):
                p.copy_(torch.add(value, piece.view_as(value), alpha=step))

        def at(step: float) -> Trial:
            move(step)
            value, gradient = float(evaluate()), self._gradient()
            return Trial(step, value, float(gradient @ direction), gradient)

        found = strong_wolfe(at, start, first) if start.slope < 0 else None
        move(0.0 if found is None else found.step)
        return found

    def _gradient(self) -> Tensor:
        """The gradient of all parameters (P,), a copy."""
        return torch.cat(
            [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in self._parameters]
        )
