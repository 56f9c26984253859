"""An operator with the normalisation of its data, so that it takes and gives physical fields."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from operators import Operator
from pdes import Grid
from sciml.data import Normalizer


class NormalizedOperator(nn.Module):
    """x -> decode(operator(encode(x))). The statistics are buffers, saved and moved with the weights."""

    def __init__(self, operator: Operator, inputs: Normalizer, targets: Normalizer) -> None:
        super().__init__()
        self.operator, self.inputs, self.targets = operator, inputs, targets

    def forward(self, x: Tensor, coords: Sequence[Tensor] | None = None) -> Tensor:
        """Fields (batch, channel, *grid) in physical units, the channels in physical units too."""
        # autocast may leave half precision, in which neither physical units nor a loss would be accurate
        return self.targets.decode(self.operator(self.inputs.encode(x), coords).to(x.dtype))

    def on(self, x: Tensor, grid: Grid) -> Tensor:
        """The prediction for inputs on ``grid``, which is checked against the grid convention of training."""
        return self.forward(x, grid.points(x.dtype, x.device))
