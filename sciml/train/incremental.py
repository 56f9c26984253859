"""Fourier modes that join the training one after another, from long waves to short ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from operators import SpectralConv
from sciml.config import IncrementalConfig


class IncrementalModes:
    """Holds the weights of spectral convolutions at zero beyond a wavenumber that grows, by one at a time.

    Waves beyond it contribute nothing and take no time, so at every moment the model is the one with fewer modes, and growing leaves
    its output as it is. Each axis of each layer has a wavenumber of its own, up to that of its modes.

    With ``grow`` "schedule" the wavenumbers grow evenly with the progress of the training. With "energy" one grows where
    its outermost waves hold more than the share 1 - ``explained`` of the layer's Σ|R_k|²: the layer has then found use for them.

    Of a factorised weight it is the rows of its axes' factors that belong to one wavenumber each.

    Raises ValueError for a model without spectral convolutions.

    Source: R. J. George, J. Zhao, J. Kossaifi, Z. Li, A. Anandkumar, arXiv:2211.15188. There modes that join have random
    weights, which hold energy from the start.
    """

    def __init__(self, model: nn.Module, config: IncrementalConfig) -> None:
        self._config = config
        self._layers = [layer for layer in model.modules() if isinstance(layer, SpectralConv)]
        if not self._layers:
            raise ValueError("train.incremental: the model has no spectral convolution; leave it out")
        self._full = [
            [max(map(abs, axis.wavenumbers())) for axis in layer.expansions] for layer in self._layers
        ]
        self.reach = [[min(config.start, full) for full in axes] for axes in self._full]
        """The largest wavenumber that is trained, of each axis of each layer."""
        for layer, reach in zip(self._layers, self.reach, strict=True):
            layer.clear(reach)
        self._limit()

    def update(self, step: int, progress: float) -> None:
        """Let wavenumbers grow before step number ``step``, at the given share of the training."""
        if self._config.grow == "schedule":
            share = min(progress / self._config.until, 1.0)
            for reach, axes in zip(self.reach, self._full, strict=True):
                for axis, full in enumerate(axes):
                    start = min(self._config.start, full)
                    grown = start + int((full - start + 1) * share)
                    reach[axis] = max(reach[axis], min(grown, full))
        elif step and step % self._config.every == 0:
            for index, axes in enumerate(self._full):
                energy = self._layers[index].weight.detach().square().sum((-3, -2, -1))
                for axis, full in enumerate(axes):
                    outermost = energy[self._waves(index, axis) == self.reach[index][axis]].sum()
                    if (
                        self.reach[index][axis] < full
                        and outermost > (1 - self._config.explained) * energy.sum()
                    ):
                        self.reach[index][axis] += 1
        self._limit()

    def _limit(self) -> None:
        for layer, reach in zip(self._layers, self.reach, strict=True):
            layer.limit(reach)

    def _waves(self, index: int, axis: int) -> Tensor:
        """|k| along one axis for each kept mode of a layer, (*kept)."""
        layer = self._layers[index]
        device = next(layer.parameters()).device
        waves = torch.tensor(layer.expansions[axis].wavenumbers(), device=device).abs()
        return waves.view(-1, *[1] * (len(layer.modes) - 1 - axis)).expand(layer.kept)

    def state_dict(self) -> dict[str, Any]:
        return {"reach": [list(axes) for axes in self.reach]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.reach = [list(axes) for axes in state["reach"]]
        self._limit()
