"""A step of an optimiser: with a gradient, with an objective to search along, or with residuals."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, NoReturn

import torch
from torch import Tensor, nn

from sciml.config import TrainConfig
from sciml.optim import Balance, Balancer, WeightedSum, loss_gradients
from sciml.optim.sketch import RowSketch
from sciml.tasks.task import Task
from sciml.train.compiled import CompiledLosses
from sciml.train.precision import Precision


class Stepper(ABC):
    """How the optimiser of a stage and its balancer take a step on a batch.

    Attributes
    ----------
    losses : of the last evaluation, by name
    record : weights and gradients of the losses, where the last step was one to log
    """

    needs: ClassVar[str]
    """What an optimiser must say in its attribute ``needs`` to be stepped so."""

    def __init__(
        self,
        task: Task,
        model: nn.Module,
        parameters: Sequence[Tensor],
        optimizer: torch.optim.Optimizer,
        balancer: Balancer,
        config: TrainConfig,
        compiled: CompiledLosses | None = None,
    ) -> None:
        self.task, self.model, self.parameters = task, model, parameters
        self.compiled = compiled
        self.optimizer, self.balancer, self.config = optimizer, balancer, config
        self.precision = Precision(config.precision, parameters[0].device)
        self.losses: dict[str, Tensor] = {}
        self.record: dict[str, Any] = {}

    @abstractmethod
    def check(self, batch: Any) -> None:
        """Evaluate without an update; raises ValueError where task, balancer and optimiser do not go together."""

    @abstractmethod
    def take(self, batch: Any, *, log: bool) -> None:
        """Update the parameters, and fill ``record`` where it is a step to log.

        Raises FloatingPointError where a loss or a gradient is not finite.
        """

    def _evaluate(self, batch: Any, log: bool) -> None:
        """Losses, and what the balancer makes of them."""
        self.balancer.prepare(partial(self._jacobians, batch))
        # the log shows them all
        self.losses = self._losses(batch, None if log else self.balancer.due())
        for name, loss in self.losses.items():
            value = float(loss.detach())
            if not math.isfinite(value):
                raise FloatingPointError(f"loss {name!r} is {value}")
        balance = self.balancer.backward(self.precision.scaled(self.losses), self.parameters)
        if log:
            if balance.gradients is None and self.config.log_gradients:
                losses = self._losses(batch)  # the graph of the others is freed
                balance = replace(balance, gradients=loss_gradients(losses, self.parameters))
            self.record = balance.record(list(self.losses))

    def choose(self, batch: Any) -> None:
        """Find out whether compiled losses make steps faster, where that is asked and not known yet."""
        if self.compiled is not None and self.compiled.undecided and self.needs != ResidualStepper.needs:
            state = self.balancer.state_dict()
            with torch.random.fork_rng():
                self.compiled.choose(self.model, batch, partial(self._evaluate, batch, False))
            self.balancer.load_state_dict(state)

    def _losses(self, batch: Any, names: Collection[str] | None = None) -> dict[str, Tensor]:
        with self.precision.autocast():
            if self.compiled is not None and self.compiled.chosen:
                return self.compiled(self.model, batch)
            return self.task.losses_of(self.model, batch, names)

    def _require_full_precision(self) -> None:
        if self.precision.name != "full":
            raise ValueError(
                f"train.stages: {type(self.optimizer).__name__} needs train.precision full, not {self.precision.name}; "
                "half precision is for optimizers that take one gradient a step, such as Adam"
            )

    def _jacobians(self, batch: Any) -> dict[str, Tensor]:
        """Those of the residuals by the parameters, by the names of the losses."""
        parts = self.task.least_squares(self.model, batch, self.parameters, jacobian=True)
        return {name: j for name, (_, j) in parts.items() if j is not None}

    def _refuse(self, reason: str, remedy: str) -> NoReturn:
        optimizer, balancer = type(self.optimizer).__name__, type(self.balancer).__name__
        raise ValueError(f"train.stages: {optimizer} with the balancer {balancer}, which {reason}; {remedy}")


class GradientStepper(Stepper):
    """For first-order optimisers: the balancer's gradient, or update."""

    needs = "gradient"

    def check(self, batch: Any) -> None:
        group = self.optimizer.param_groups[0]
        plain = (
            type(self.optimizer) is torch.optim.SGD and not group["momentum"] and not group["weight_decay"]
        )
        if self.balancer.makes_updates and (not plain or self.config.gradient_clip is not None):
            self._refuse(
                "makes whole updates with moments of its own",
                "use {optimizer: SGD, options: {lr: ...}} without momentum, weight decay and train.gradient_clip",
            )
        if self.precision.name == "float16" and not isinstance(self.balancer, WeightedSum):
            self._refuse(
                "may not be blind to the scale that float16 puts on losses",
                "use WeightedSum, or train.precision bfloat16",
            )
        self._evaluate(batch, log=False)

    def take(self, batch: Any, *, log: bool) -> None:
        self.record = {}
        self._evaluate(batch, log)
        scaler = self.precision.scaler
        scaler.unscale_(self.optimizer)
        if self.config.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.config.gradient_clip)
        scaler.step(self.optimizer)
        scaler.update()


class ObjectiveStepper(Stepper):
    """For optimisers with a line search: the balancer's objective and its gradient, as often as they ask."""

    needs = "objective"

    def check(self, batch: Any) -> None:
        self._require_full_precision()
        self._evaluate(batch, log=False)
        if self.balancer.objective(self.losses) is None:
            self._refuse(
                "has no scalar objective for a line search", "give the stage balancer: {name: WeightedSum}"
            )

    def take(self, batch: Any, *, log: bool) -> None:
        self.record = {}
        started = False

        def closure() -> float:
            nonlocal started
            try:
                self._evaluate(batch, log and not started)
            except FloatingPointError:
                if started:  # a trial that went too far
                    return math.inf
                raise
            started = True
            objective = self.balancer.objective(self.losses)
            assert objective is not None  # see check
            return float(objective.detach())

        self.optimizer.step(closure)


class ResidualStepper(Stepper):
    """For least squares: all residuals, weighted, and their Jacobian."""

    needs = "residuals"

    def check(self, batch: Any) -> None:
        self._require_full_precision()
        if not isinstance(self.balancer, WeightedSum):
            self._refuse("is no weighted sum of squares", "give the stage balancer: {name: WeightedSum}")
        self.optimizer.check(partial(self._linearise, batch, log=False))  # type: ignore[attr-defined]

    def take(self, batch: Any, *, log: bool) -> None:
        self.record = {}
        self.optimizer.step(partial(self._linearise, batch, log=log))  # type: ignore[arg-type]

    def _linearise(self, batch: Any, jacobian: bool | RowSketch, log: bool) -> tuple[Tensor, Tensor | None]:
        parts = self.task.least_squares(self.model, batch, self.parameters, jacobian=jacobian)
        assert isinstance(self.balancer, WeightedSum)  # see check
        jacobians = {name: j for name, (_, j) in parts.items() if j is not None}
        if jacobians:
            # those at the start of the step: the last trial need not be the one that was taken
            self.losses = {name: r @ r for name, (r, _) in parts.items()}
            self.balancer.observe(jacobians)
        weights = self.balancer.least_squares_weights(parts)
        if log and jacobians:
            # a sketch does not hold the gradients
            gradients = (
                torch.stack([2 * r @ jacobians[name] for name, (r, _) in parts.items()])
                if jacobian is True
                else None
            )
            self.record = Balance(weights, gradients).record(list(parts))
        roots = [w**0.5 for w in weights]
        residual = torch.cat([w * r for w, (r, _) in zip(roots, parts.values(), strict=True)])
        if not jacobians:
            return residual, None
        rows = [j.mul_(w) for w, j in zip(roots, jacobians.values(), strict=True)]
        return residual, torch.stack(rows).sum(0) if isinstance(jacobian, RowSketch) else torch.cat(rows)


_STEPPERS = {stepper.needs: stepper for stepper in (GradientStepper, ObjectiveStepper, ResidualStepper)}


def stepper_for(optimizer: torch.optim.Optimizer) -> type[Stepper]:
    """How ``optimizer`` is stepped: by its attribute ``needs``, with a gradient where it has none."""
    return _STEPPERS[getattr(optimizer, "needs", GradientStepper.needs)]
