"""The weights that were best on the validation data, and when to stop looking for better ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class EarlyStopping:
    """Remembers the weights with the least validation error, and counts the validations since.

    Parameters
    ----------
    patience : validations without improvement after which training is over
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._least = math.inf
        self._since = 0
        self._weights: dict[str, torch.Tensor] = {}

    @property
    def over(self) -> bool:
        return self._since >= self._patience

    def observe(self, error: float, model: nn.Module) -> None:
        """A validation of ``model``."""
        if error < self._least:
            self._least, self._since = error, 0
            self._weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        else:
            self._since += 1

    def restore(self, model: nn.Module) -> None:
        """Give ``model`` the best weights, if there was a validation."""
        if self._weights:
            model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        return {"least": self._least, "since": self._since, "weights": self._weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._least, self._since, self._weights = state["least"], state["since"], dict(state["weights"])
