"""Maps that act on the channels of each grid point alone, and so know no resolution."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from operators import fused_pointwise
from operators.fused_pointwise import FusedMLP


class PointwiseMLP(nn.Module):
    """Two layers on the channels of every point, W₂ gelu(W₁ x + b₁) + b₂: (..., in_features) -> (..., out_features).

    With the channels next to each other in memory all points of all samples are the rows of one matrix.
    """

    def __init__(self, in_features: int, hidden: int, out_features: int) -> None:
        super().__init__()
        self.first = nn.Linear(in_features, hidden)
        self.second = nn.Linear(hidden, out_features)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.first, self.second
        if fused_pointwise.available(x, first.in_features, first.out_features, second.out_features):
            return FusedMLP.apply(x, first.weight, first.bias, second.weight, second.bias)
        return second(F.gelu(first(x)))
