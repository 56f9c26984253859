"""What a model is trained on, as the trainer sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor, nn

from sciml.optim.sketch import RowSketch


@dataclass
class Evaluation:
    """How well a trained model does.

    Attributes
    ----------
    metrics : keys for report.json, ``rel_l2`` among them
    figures : (file name, figure, caption)
    table : lines for the terminal
    """

    metrics: dict[str, Any]
    figures: list[tuple[str, Figure, str]] = field(default_factory=list)
    table: str = ""


class Task(ABC):
    """Named losses of a model on batches that depend on the step, the seed and the progress alone.

    So a resumed run sees the batches that an uninterrupted one would have seen.
    """

    steps_per_epoch: int | None = None
    """None where there is no data set to go through."""

    progress: float = 0.0
    """Share of the training that is over, as the trainer says before each step."""

    @abstractmethod
    def batch(self, step: int, model: nn.Module) -> Any:
        """What step number ``step`` trains on; the same object as long as nothing changes."""

    def largest_batch(self, model: nn.Module) -> Any:
        """A batch of the most points or samples that a step can have, to see what a run needs before it starts."""
        return self.batch(0, model)

    @abstractmethod
    def losses(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        """The losses by name, each a scalar."""

    def losses_of(self, model: nn.Module, batch: Any, names: Collection[str] | None) -> dict[str, Tensor]:
        """`losses`, of which only those of ``names`` are needed, where these are given."""
        return self.losses(model, batch)

    def layout(self, batch: Any) -> Hashable:
        """What the operations of `losses` depend on beside the numbers of points: see `CompiledLosses`."""
        return None

    def parameters(self) -> dict[str, nn.Parameter]:
        """What is learned beside the model: the unknown coefficients of an equation."""
        return {}

    def least_squares(
        self, model: nn.Module, batch: Any, parameters: Sequence[Tensor], *, jacobian: bool | RowSketch
    ) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Residuals (n,) by name, each scaled so that its square sum is its loss, and their Jacobians (n, P); or these sketched, (k, P)
        each and to be summed over the names, for a sketch of all residuals in this order.

        Raises ValueError where the losses are no squares of residuals.
        """
        raise ValueError(
            f"{type(self).__name__} has no residuals for a least-squares optimizer or NTK weights; use a first-order optimizer or LBFGS, and another balancer"
        )

    @abstractmethod
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Metrics worth logging during training."""

    @abstractmethod
    def evaluate(self, model: nn.Module) -> Evaluation:
        """Metrics, figures and a table for the report."""

    def check(self, model: nn.Module) -> None:
        """Raises ValueError where the model cannot be evaluated as `evaluate` will; called before training."""

    def state_dict(self) -> dict[str, Any]:
        """What `batch` needs after a resume beyond step and seed."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
