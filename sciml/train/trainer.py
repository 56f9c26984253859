"""The training loop. It knows nothing of equations or data sets."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import sciml.optim
from sciml.config import Stage, TrainConfig
from sciml.optim import Balancer, LevenbergMarquardt, WeightedSum, learning_rate_factor
from sciml.optim.balancer import loss_weights
from sciml.optim.jacobian_weights import jacobian_weights
from sciml.optim.sketch import RowSketch
from sciml.tasks.task import Task
from sciml.train.progress import Progress
from sciml.train.run_folder import RunFolder

LBFGS_DEFAULTS = {
    "max_iter": 20,
    "history_size": 50,
    "line_search_fn": "strong_wolfe",
    "tolerance_grad": 0.0,
    "tolerance_change": 0.0,
}
"""A tolerance would only end one step early; when a stage ends is for the trainer to say."""


_WEIGHTS_EVERY = 20
"""Steps between two updates of the automatic weights of least squares."""


class TrainingError(RuntimeError):
    """Training cannot go on: a loss or a parameter is not finite."""


def make_optimizer(stage: Stage, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
    """The optimiser of a stage.

    Raises ValueError for a name that torch.optim does not have and for an option that the optimiser does not take.
    """
    cls = getattr(torch.optim, stage.optimizer, None) or getattr(sciml.optim, stage.optimizer, None)
    if not (isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)):
        raise ValueError(
            f"train.stages: unknown optimizer {stage.optimizer!r}; use LevenbergMarquardt or a class of torch.optim such as Adam, AdamW or LBFGS"
        )
    options = {**(LBFGS_DEFAULTS if cls is torch.optim.LBFGS else {}), **stage.options}
    try:
        return cls(parameters, **options)
    except TypeError as error:
        raise ValueError(f"train.stages: {stage.optimizer}: {error}") from None


class Trainer:
    """Goes through the stages of a configuration, logs, writes checkpoints, and resumes from one bit for bit.

    A step trains on ``task.batch(step)``. The learning rate follows the progress of the stage, which is the
    larger of the share of its steps and the share of its time.
    """

    def __init__(
        self, task: Task, model: nn.Module, config: TrainConfig, balancer: Balancer, run: RunFolder
    ) -> None:
        self.task, self.model, self.config, self.balancer, self.run = task, model, config, balancer, run
        self._physical = task.parameters()
        self.parameters = [p for p in (*model.parameters(), *self._physical.values()) if p.requires_grad]
        self.step = 0
        self.wall_s = 0.0
        self._stage = 0
        self._stage_step = 0
        self._stage_wall_s = 0.0
        self._lengths = [self._length(stage) for stage in config.stages]
        for stage in config.stages:
            make_optimizer(stage, self.parameters)
        self._optimizer = self._start_stage()
        self._batch: Any = None
        self._losses: dict[str, Tensor] = {}
        self._automatic_weights: dict[str, float] = {}

    def _length(self, stage: Stage) -> int:
        if stage.steps is not None:
            return stage.steps
        assert stage.epochs is not None
        if self.task.steps_per_epoch is None:
            raise ValueError("train.stages: epochs need a data set; give steps")
        return stage.epochs * self.task.steps_per_epoch

    def _start_stage(self) -> torch.optim.Optimizer:
        return make_optimizer(self.config.stages[self._stage], self.parameters)

    def resume(self, device: torch.device) -> None:
        """Continue from the last checkpoint of the run folder."""
        state = self.run.load_checkpoint(device)
        self.run.drop_records_after(state["step"] if state else -1)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        with torch.no_grad():
            for name, parameter in self._physical.items():
                parameter.copy_(state["physical"][name])
        self.step, self.wall_s = state["step"], state["wall_s"]
        self._stage, self._stage_step = state["stage"], state["stage_step"]
        self._stage_wall_s = state["stage_wall_s"]
        self._automatic_weights = state["automatic_weights"]
        self._optimizer = self._start_stage()
        self._optimizer.load_state_dict(state["optimizer"])
        self.balancer.load_state_dict(state["balancer"])
        self.task.load_state_dict(state["task"])
        torch.set_rng_state(state["rng"].cpu())
        if self.step:
            self._batch = self.task.batch(self.step - 1, self.model)

    def rehearse(self) -> None:
        """One step without an update, so that what cannot work fails before anything is written."""
        balancer_before = self.balancer.state_dict()
        with torch.random.fork_rng():
            self.model.eval()
            self.task.check(self.model)
            losses = self.task.losses(self.model, self.task.batch(0, self.model))
            self.balancer.backward(losses, self.parameters)
            uses_line_search = any(stage.optimizer == "LBFGS" for stage in self.config.stages)
            for stage in self.config.stages:
                optimizer = make_optimizer(stage, self.parameters)
                if isinstance(optimizer, LevenbergMarquardt):
                    if not isinstance(self.balancer, WeightedSum):
                        raise ValueError(
                            f"{stage.optimizer} minimises a weighted sum; set train.balancer.name to WeightedSum"
                        )
                    batch = self.task.batch(0, self.model)
                    optimizer.check(partial(self._linearise, batch))
            if uses_line_search and self.balancer.objective(losses) is None:
                raise ValueError(
                    f"the balancer {type(self.balancer).__name__} has no scalar objective, which the line search of LBFGS needs; "
                    "use WeightedSum or a first-order optimizer"
                )
        self.balancer.load_state_dict(balancer_before)

    def _checkpoint(self) -> None:
        if not all(bool(torch.isfinite(p).all()) for p in self.parameters):
            raise TrainingError(f"step {self.step}: a parameter is not finite; {self._advice()}")
        self.run.save_checkpoint(
            {
                "model": self.model.state_dict(),
                "physical": {name: parameter.detach() for name, parameter in self._physical.items()},
                "optimizer": self._optimizer.state_dict(),
                "balancer": self.balancer.state_dict(),
                "task": self.task.state_dict(),
                "rng": torch.get_rng_state(),
                "step": self.step,
                "wall_s": self.wall_s,
                "stage": self._stage,
                "stage_step": self._stage_step,
                "stage_wall_s": self._stage_wall_s,
                "automatic_weights": self._automatic_weights,
            }
        )

    def _advice(self) -> str:
        last = (
            f"the last good state is {self.run.checkpoint}"
            if self.run.checkpoint.is_file()
            else "there was no checkpoint yet"
        )
        return f"{last}; try a smaller learning rate, train.gradient_clip, or dtype float64"

    def fit(self) -> None:
        """Train to the end of the last stage or of the time budget.

        Raises TrainingError where a loss or a parameter stops being finite.
        """
        self.model.train()
        last_checkpoint = time.perf_counter()
        start, before = time.perf_counter(), self.wall_s
        stage_before = self._stage_wall_s
        if self.step == 0 and self._stage_step == 0:
            self._checkpoint()
        with Progress(sum(self._lengths), self.config.max_seconds) as progress:
            while not self._finished():
                self._train_step()
                now = time.perf_counter()
                self.wall_s = before + now - start
                self._stage_wall_s = stage_before + now - start
                self.step += 1
                self._stage_step += 1
                if self._stage_over() and self._stage + 1 < len(self.config.stages):
                    self._stage += 1
                    self._stage_step, self._stage_wall_s, stage_before = 0, 0.0, start - now
                    self._optimizer = self._start_stage()
                done = self._finished()
                if done or self.step % self.config.log_every == 0:
                    progress.show(self.step, self.wall_s, self._log(done))
                if done or now - last_checkpoint >= self.config.checkpoint_seconds:
                    self._checkpoint()
                    last_checkpoint = now
        self.model.eval()

    def _budget(self) -> float:
        return math.inf if self.config.max_seconds is None else self.config.max_seconds

    def _stage_progress(self) -> float:
        """Share of the stage that is over: of its steps, or of its time where that is further."""
        stage = self.config.stages[self._stage]
        stage_start = self.wall_s - self._stage_wall_s
        allowed = min(self._budget() - stage_start, stage.time_share * self._budget())
        by_time = self._stage_wall_s / allowed if allowed > 0 else 1.0
        return max(self._stage_step / self._lengths[self._stage], by_time)

    def _stage_over(self) -> bool:
        return self._stage_progress() >= 1.0

    def _finished(self) -> bool:
        return (
            self._stage + 1 == len(self.config.stages) and self._stage_over()
        ) or self.wall_s >= self._budget()

    def _train_step(self) -> None:
        stage = self.config.stages[self._stage]
        batch = self.task.batch(self.step, self.model)
        is_lbfgs = isinstance(self._optimizer, torch.optim.LBFGS)
        if is_lbfgs and self._batch is not None and batch is not self._batch:
            # differences of gradients on different points are no curvature
            self._optimizer.state.clear()
        self._batch = batch
        factor = learning_rate_factor(stage.schedule, self._stage_progress())
        for group in self._optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor

        if isinstance(self._optimizer, LevenbergMarquardt):
            try:
                self._optimizer.step(partial(self._linearise, batch))
            except FloatingPointError as error:
                raise TrainingError(f"step {self.step}: {error}; {self._advice()}") from error
            return

        def closure() -> float:
            self._losses = self.task.losses(self.model, batch)
            self._require_finite()
            self.balancer.backward(self._losses, self.parameters)
            if self.config.gradient_clip is not None:
                nn.utils.clip_grad_norm_(self.parameters, self.config.gradient_clip)
            if not is_lbfgs:
                return 0.0
            objective = self.balancer.objective(self._losses)
            assert objective is not None  # see rehearse
            return float(objective.detach())

        self._optimizer.step(closure)

    def _linearise(self, batch: Any, jacobian: bool | RowSketch) -> tuple[Tensor, Tensor | None]:
        """All weighted residuals as one vector, and their Jacobian or a sketch of it."""
        parts = self.task.least_squares(self.model, batch, self.parameters, jacobian=jacobian)
        assert isinstance(self.balancer, WeightedSum)  # see rehearse
        self._losses = {name: r @ r for name, (r, _) in parts.items()}
        self._refresh_automatic_weights({name: j for name, (_, j) in parts.items() if j is not None})
        chosen = self.balancer.weights or self._automatic_weights
        weights = [w**0.5 for w in loss_weights(self._losses, chosen)]
        residual = torch.cat([w * r for w, (r, _) in zip(weights, parts.values(), strict=True)])
        rows = [j.mul_(w) for w, (_, j) in zip(weights, parts.values(), strict=True) if j is not None]
        if isinstance(jacobian, RowSketch):
            return residual, torch.stack(rows).sum(0)
        return residual, torch.cat(rows) if rows else None

    def _refresh_automatic_weights(self, jacobians: Mapping[str, Tensor]) -> None:
        """Where the user gives no weights for least squares, they follow from the Jacobians, once in a while."""
        assert isinstance(self.balancer, WeightedSum)  # see rehearse
        if len(jacobians) > 1 and not self.balancer.weights and self._stage_step % _WEIGHTS_EVERY == 0:
            self._automatic_weights = jacobian_weights(jacobians)

    def _require_finite(self) -> None:
        for name, loss in self._losses.items():
            if not bool(torch.isfinite(loss)):
                raise TrainingError(
                    f"step {self.step}: loss {name!r} is {float(loss.detach())}; {self._advice()}"
                )

    def _log(self, done: bool) -> dict[str, Any]:
        record: dict[str, Any] = {"step": self.step, "wall_s": round(self.wall_s, 3)}
        record["stage"] = f"{self._stage + 1} {self.config.stages[self._stage].optimizer}"
        record["lr"] = self._optimizer.param_groups[0]["lr"]
        record |= {name: float(loss.detach()) for name, loss in self._losses.items()}
        record |= {f"weight_{name}": weight for name, weight in self._automatic_weights.items()}
        record |= {f"parameter_{name}": p.detach().tolist() for name, p in self._physical.items()}
        every = self.config.validate_every
        if done or (every and self.step % every == 0):
            self.model.eval()
            record |= self.task.validate(self.model)
            self.model.train()
        self.run.log(record)
        return record
