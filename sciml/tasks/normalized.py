"""An operator with the normalisation of its data, so that it takes and gives physical fields."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from operators import Operator
from pdes import Grid
from sciml.data import Normalizer, Symmetries


class NormalizedOperator(nn.Module):
    """x -> decode(operator(encode(x))). The statistics are buffers, saved and moved with the weights.

    With ``symmetries``, what it gives in evaluation is averaged over them (`Symmetries.averaged`); in training it is not, as there
    samples are seen under one symmetry after another.
    """

    def __init__(
        self,
        operator: Operator,
        inputs: Normalizer,
        targets: Normalizer,
        symmetries: Symmetries | None = None,
    ) -> None:
        super().__init__()
        self.operator, self.inputs, self.targets = operator, inputs, targets
        self.symmetries = symmetries

    def forward(self, x: Tensor, coords: Sequence[Tensor] | None = None) -> Tensor:
        """Fields (batch, channel, *grid) in physical units, the channels in physical units too."""
        if self.symmetries is None or self.training:
            return self._predict(x, coords)
        return self.symmetries.averaged(self._predict, x, coords)

    def _predict(self, x: Tensor, coords: Sequence[Tensor] | None) -> Tensor:
        # autocast may leave half precision, in which neither physical units nor a loss would be accurate
        return self.targets.decode(self.operator(self.inputs.encode(x), coords).to(x.dtype))

    def on(self, x: Tensor, grid: Grid) -> Tensor:
        """The prediction for inputs on ``grid``, which is checked against the grid convention of training."""
        return self.forward(x, grid.points(x.dtype, x.device))
