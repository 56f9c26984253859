"""The losses of a PINN as one function that torch.compile makes, where that is faster."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch._functorch import config as functorch_config
from torch.fx.experimental.proxy_tensor import make_fx

from sciml.tasks.task import Task

_LOG = logging.getLogger(__name__)
_ROUNDS = 7
Losses = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


class CompiledLosses:
    """The losses of a task on points: as the task gives them, or compiled once `choose` has found that faster.

    Whatever Python makes them is unrolled into operations of torch, without our own kernels, for given numbers of points; these operations are what
    torch.compile gets. New numbers of points, or new plans of the derivatives (`Task.layout`), are compiled anew.

    Parameters
    ----------
    task : one whose batches are dictionaries of tensors
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._chosen: bool | None = None
        self._functions: dict[Hashable, Losses] = {}

    @property
    def chosen(self) -> bool:
        """Whether the losses are the compiled ones."""
        return bool(self._chosen)

    @property
    def undecided(self) -> bool:
        """Whether `choose` has not been called."""
        return self._chosen is None

    def __call__(self, model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if not self._chosen:
            return self._task.losses(model, batch)
        key = tuple((name, points.shape) for name, points in batch.items()), self._task.layout(batch)
        if key not in self._functions:
            self._functions[key] = self._compile(model, batch)
        return self._functions[key](batch)

    def choose(self, model: nn.Module, batch: Mapping[str, Tensor], step: Callable[[], None]) -> None:
        """Time ``step``, which evaluates these losses on ``batch`` and their gradients, with and without the compiled function, and keep the faster.

        What cannot be compiled is logged with its reason, and left as it is.
        """
        times: dict[bool, list[float]] = {False: [], True: []}
        self._chosen = True
        try:
            self(model, batch)
            for _ in range(_ROUNDS):
                for self._chosen in (False, True):
                    start = time.perf_counter()
                    step()
                    times[self._chosen].append(time.perf_counter() - start)
        except Exception as error:  # of whatever kind: tracing and compiling run through most of torch
            self._chosen = False
            _LOG.warning("train.compile: the losses are not compiled: %s", str(error).split("\n", 1)[0])
            return
        plain, compiled = (1e3 * statistics.median(times[chosen]) for chosen in (False, True))
        self._chosen = compiled < plain
        _LOG.info(
            "train.compile: a step takes %.2f ms compiled and %.2f ms as it is: %s",
            compiled,
            plain,
            "compiled" if self._chosen else "as it is",
        )

    def _compile(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        # another dictionary, so that nothing is taken from what is remembered of this batch
        operations = make_fx(lambda points: self._task.losses(model, points))(dict(batch))
        compiled = torch.compile(operations)
        # points that the function was not made from would show what has become a constant
        others = {name: points[torch.arange(len(points)) // 2] for name, points in batch.items()}
        # balancers go backward several times
        with functorch_config.patch(donated_buffer=False):
            found = compiled(others)
        for name, loss in self._task.losses(model, others).items():
            eps = torch.finfo(
                loss.dtype
            ).eps  # a loss is a mean of squares: small ones are told apart as well
            if not torch.allclose(found[name], loss, rtol=eps**0.5, atol=eps):
                raise ValueError(
                    f"loss {name!r} depends on the points in a way that operations of torch do not show"
                )
        return compiled

    def state_dict(self) -> dict[str, Any]:
        return {"chosen": self._chosen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._chosen = state["chosen"]
