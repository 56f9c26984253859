"""The training loop. It knows nothing of equations or data sets."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sciml.config import Stage, TrainConfig
from sciml.optim import Balancer, learning_rate_factor, make_optimizer
from sciml.optim.by_name import load_optimizer_state
from sciml.tasks.task import Task
from sciml.train.compiled import CompiledLosses
from sciml.train.divergence import DivergenceWatch
from sciml.train.early_stopping import EarlyStopping
from sciml.train.incremental import IncrementalModes
from sciml.train.progress import Progress
from sciml.train.run_folder import RunFolder
from sciml.train.steps import Stepper, stepper_for


class TrainingError(RuntimeError):
    """Training cannot go on: a loss or a parameter is not finite."""


def _average(model: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of the weights; buffers are those of the model."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))


class Trainer:
    """Goes through the stages of a configuration, logs, writes checkpoints, and resumes from one bit for bit.

    A step trains on ``task.batch(step)``. The learning rate follows the progress of the stage, which is the
    larger of the share of its steps and the share of its time.

    Parameters
    ----------
    balancers : one a stage; stages may share one
    """

    def __init__(
        self,
        task: Task,
        model: nn.Module,
        config: TrainConfig,
        balancers: Sequence[Balancer],
        run: RunFolder,
    ) -> None:
        self.task, self.model, self.config, self.balancers, self.run = task, model, config, balancers, run
        self._physical = task.parameters()
        self.parameters = [p for p in (*model.parameters(), *self._physical.values()) if p.requires_grad]
        self.step = 0
        self.wall_s = 0.0
        self._stage = 0
        self._stage_step = 0
        self._stage_wall_s = 0.0
        self._lengths = [self._length(stage) for stage in config.stages]
        self._modes = None if config.incremental is None else IncrementalModes(model, config.incremental)
        self._average = None if config.ema is None else _average(model, config.ema)
        self._compiled = CompiledLosses(task) if config.compile else None
        self._stopping = None if config.patience is None else EarlyStopping(config.patience)
        self._watch = DivergenceWatch()
        steppers = [self._make_stepper(index) for index in range(len(config.stages))]
        self._stepper = steppers[0]

    def _length(self, stage: Stage) -> int:
        if stage.steps is not None:
            return stage.steps
        assert stage.epochs is not None
        if self.task.steps_per_epoch is None:
            raise ValueError("train.stages: epochs need a data set; give steps")
        return stage.epochs * self.task.steps_per_epoch

    def _make_stepper(self, index: int) -> Stepper:
        """What takes the steps of a stage, with a fresh optimiser."""
        stage = self.config.stages[index]
        try:
            optimizer = make_optimizer(stage.optimizer, self.parameters, stage.options)
        except ValueError as error:
            raise ValueError(f"train.stages[{index}]: {error}") from error
        return stepper_for(optimizer)(
            self.task,
            self.model,
            self.parameters,
            optimizer,
            self.balancers[index],
            self.config,
            self._compiled,
        )

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
        self._stepper = self._make_stepper(self._stage)
        load_optimizer_state(self._stepper.optimizer, state["optimizer"])
        for balancer, balancer_state in zip(self.balancers, state["balancers"], strict=True):
            balancer.load_state_dict(balancer_state)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["rng"].cpu())

    def _parts(self) -> dict[str, Any]:
        """What remembers something between steps, beside the model, the optimiser and the balancers."""
        parts = {
            "task": self.task,
            "average": self._average,
            "stopping": self._stopping,
            "modes": self._modes,
            "compiled": self._compiled,
            "precision": self._stepper.precision,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def rehearse(self) -> None:
        """Evaluate every stage without an update, on the largest batch of a run, so that what cannot work fails before
        anything is written."""
        before = [balancer.state_dict() for balancer in self.balancers]
        with torch.random.fork_rng():
            self.model.eval()
            self.task.check(self.model)
            batch = self.task.largest_batch(self.model)
            for index, (balancer, state) in enumerate(zip(self.balancers, before, strict=True)):
                self._make_stepper(index).check(batch)
                balancer.load_state_dict(state)

    def _checkpoint(self) -> None:
        if not all(bool(torch.isfinite(p).all()) for p in self.parameters):
            raise TrainingError(f"step {self.step}: a parameter is not finite; {self._advice()}")
        self.run.save_checkpoint(
            {
                "model": self.model.state_dict(),
                "physical": {name: parameter.detach() for name, parameter in self._physical.items()},
                "optimizer": self._stepper.optimizer.state_dict(),
                "balancers": [balancer.state_dict() for balancer in self.balancers],
                **{name: part.state_dict() for name, part in self._parts().items()},
                "rng": torch.get_rng_state(),
                "step": self.step,
                "wall_s": self.wall_s,
                "stage": self._stage,
                "stage_step": self._stage_step,
                "stage_wall_s": self._stage_wall_s,
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
        """Train to the end of the last stage or of the time budget, or until the validation error stops falling.

        The model then has the averaged weights if there is an average, and those of its best validation under early stopping.

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
                done = self._finished()
                if done or self.step % self.config.log_every == 0:
                    progress.show(self.step, self.wall_s, self._log(done))
                    done = self._finished()  # a validation may have ended it
                if self._stage_over() and self._stage + 1 < len(self.config.stages):
                    self._stage += 1
                    self._stage_step, self._stage_wall_s, stage_before = 0, 0.0, start - now
                    self._stepper = self._make_stepper(self._stage)
                if done or now - last_checkpoint >= self.config.checkpoint_seconds:
                    self._checkpoint()
                    last_checkpoint = now
        # after the last checkpoint, so that a run can go on from the weights that were trained
        if self._average is not None:
            self.model.load_state_dict(self._average.module.state_dict())
        if self._stopping is not None:
            self._stopping.restore(self.model)
        self.model.eval()

    def _evaluated(self) -> nn.Module:
        """The model with the weights that count: the averaged ones where there is an average."""
        return self.model if self._average is None else self._average.module

    def _budget(self) -> float:
        return math.inf if self.config.max_seconds is None else self.config.max_seconds

    def _stage_progress(self) -> float:
        """Share of the stage that is over: of its steps, or of its time where that is further."""
        stage = self.config.stages[self._stage]
        stage_start = self.wall_s - self._stage_wall_s
        allowed = min(self._budget() - stage_start, stage.time_share * self._budget())
        by_time = self._stage_wall_s / allowed if allowed > 0 else 1.0
        return max(self._stage_step / self._lengths[self._stage], by_time)

    def _progress(self) -> float:
        """Share of the whole training that is over: of its steps, or of its time where that is further."""
        return max(self.step / sum(self._lengths), self.wall_s / self._budget())

    def _stage_over(self) -> bool:
        return self._stage_progress() >= 1.0

    def _finished(self) -> bool:
        stages_over = self._stage + 1 == len(self.config.stages) and self._stage_over()
        stopped = self._stopping is not None and self._stopping.over
        return stages_over or stopped or self.wall_s >= self._budget()

    def _train_step(self) -> None:
        stage = self.config.stages[self._stage]
        if self._modes is not None:
            self._modes.update(self.step, self._progress())
        self.task.progress = self._progress()
        batch = self.task.batch(self.step, self.model)
        factor = learning_rate_factor(stage.schedule, self._stage_progress())
        for group in self._stepper.optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        try:
            self._stepper.choose(batch)
            self._stepper.take(batch, log=(self.step + 1) % self.config.log_every == 0)
        except FloatingPointError as error:
            raise TrainingError(f"step {self.step}: {error}; {self._advice()}") from error
        if self._average is not None:
            self._average.update_parameters(self.model)

    def _log(self, done: bool) -> dict[str, Any]:
        record: dict[str, Any] = {"step": self.step, "wall_s": round(self.wall_s, 3)}
        record["stage"] = f"{self._stage + 1} {self.config.stages[self._stage].optimizer}"
        record["lr"] = self._stepper.optimizer.param_groups[0]["lr"]
        if self._modes is not None:
            record["modes"] = self._modes.state_dict()["reach"]
        losses = {name: float(loss.detach()) for name, loss in self._stepper.losses.items()}
        self._watch.observe(self.step, losses)
        record |= losses
        record |= self._stepper.record
        record |= {f"parameter_{name}": p.detach().tolist() for name, p in self._physical.items()}
        every = self.config.validate_every
        if done or (every and self.step % every == 0):
            model = self._evaluated().eval()
            found = self.task.validate(model)
            record |= found
            if self._stopping is not None:
                self._stopping.observe(found["val_rel_l2"], model)
            self.model.train()
        self.run.log(record)
        return record
