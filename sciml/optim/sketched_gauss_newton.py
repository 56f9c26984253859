"""Levenberg-Marquardt with a sketched Jacobian, for systems too large for a dense solve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from sciml.optim.levenberg_marquardt import LevenbergMarquardt
from sciml.optim.sketch import RowSketch


class SketchedGaussNewton(LevenbergMarquardt):
    """Levenberg-Marquardt on S r and S J in place of r and J: k random sums of the m residuals, other ones each step.

    The memory is that of k rows, and the solve is in row space. Whether a step is taken is judged by all residuals, so that
    |r|² does not rise. Momentum carries what one sketch does not see over to the next.

    Parameters
    ----------
    sketch : k; with fewer residuals they are taken as they are
    seed : of the sketches
    options : those of `LevenbergMarquardt`
    """

    _instead = "a smaller sketch"

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        sketch: int = 500,
        seed: int = 0,
        momentum: float = 0.0,
        **options: Any,
    ) -> None:
        if sketch < 1:
            raise ValueError(f"sketch must be at least 1, not {sketch}")
        super().__init__(params, momentum=momentum, **options)
        self.param_groups[0] |= {"sketch": sketch, "seed": seed, "drawn": 0}

    def _sketch(self, rows: int) -> RowSketch | None:
        group = self.param_groups[0]
        if rows <= group["sketch"]:
            return None
        group["drawn"] += 1
        generator = torch.Generator().manual_seed(group["seed"] * 1_000_003 + group["drawn"])
        return RowSketch(rows, group["sketch"], generator)

    def _require_memory(self, rows: int, columns: int, item: int) -> None:
        super()._require_memory(min(rows, self.param_groups[0]["sketch"]), columns, item)
