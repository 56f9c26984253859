"""The aggregators of TorchJD as balancers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from sciml.components import hint
from sciml.optim.balancer import Balance, Balancer
from sciml.optim.gradients import loss_gradients, set_gradient


class TorchJD(Balancer):
    """The update of an aggregator of the package torchjd (PCGrad, IMTLG, MGDA, UPGrad, CAGrad, ...) by its name.

    Aggregators that remember earlier steps are left out: they have no state to save, so that a run could not resume.

    Parameters
    ----------
    aggregator : a class of torchjd.aggregation
    options : its arguments; a list becomes a vector

    Raises ValueError for an unknown aggregator or option, and where torchjd or what the aggregator needs is not installed.
    """

    def __init__(self, aggregator: str, options: Mapping[str, Any] | None = None) -> None:
        available = _aggregators(_aggregation())
        if aggregator not in available:
            raise ValueError(f"unknown aggregator {aggregator!r}{hint(aggregator, available)}")
        self.name, self.options = aggregator, dict(options or {})
        self._class = available[aggregator]
        try:
            self._aggregator(torch.empty(0))
        except (TypeError, ImportError) as error:
            raise ValueError(f"{aggregator}: {error}") from None

    def _aggregator(self, like: Tensor) -> Any:
        """The aggregator, its vectors with dtype and device of ``like``."""
        options = {
            name: like.new_tensor(value) if isinstance(value, list) else value
            for name, value in self.options.items()
        }
        return self._class(**options)

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Balance:
        gradients = loss_gradients(losses, parameters)
        aggregator, weights = self._aggregator(gradients), []
        if hasattr(aggregator, "weighting"):
            aggregator.weighting.register_forward_hook(lambda _module, _input, output: weights.append(output))
        set_gradient(parameters, aggregator(gradients))
        return Balance(weights[-1] if weights else None, gradients)


def _aggregation() -> ModuleType:
    try:
        import torchjd.aggregation
    except ImportError:
        raise ValueError("the package torchjd is not installed: pip install torchjd") from None
    return torchjd.aggregation


def _aggregators(module: ModuleType) -> dict[str, type]:
    """The aggregators of torchjd that can be made and that keep nothing from step to step."""
    bases = {module.Aggregator, module.WeightedAggregator, module.GramianWeightedAggregator}
    return {
        name: value
        for name in module.__all__
        if inspect.isclass(value := getattr(module, name))
        and issubclass(value, module.Aggregator)
        and value not in bases
        and not hasattr(value, "reset")
    }
