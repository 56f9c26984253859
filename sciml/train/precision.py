"""Training in mixed precision: a forward pass that rounds to half precision, weights and updates that do not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


class Precision:
    """How the losses of a step are evaluated.

    "full" leaves everything as it is. "bfloat16" and "float16" run what torch.autocast knows to stand it, matrix products above
    all, in half precision; weights, spectral convolutions and losses stay in float32. float16 has a narrow range: its losses
    are scaled so that gradients do not vanish, by a factor that falls when they overflow, at which the step is left out.

    Source: P. Micikevicius et al., Mixed precision training, ICLR 2018.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        self.name, self._device = name, device.type
        self.scaler = torch.amp.GradScaler(self._device, enabled=name == "float16")

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of the forward pass."""
        if self.name == "full":
            return nullcontext()
        return torch.autocast(self._device, getattr(torch, self.name))

    def scaled(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The losses times the present factor, which ``scaler.unscale_`` takes away from the gradients."""
        return {name: self.scaler.scale(loss) for name, loss in losses.items()}

    def state_dict(self) -> dict[str, Any]:
        return self.scaler.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.scaler.load_state_dict(dict(state))
