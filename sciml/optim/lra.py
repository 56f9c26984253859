"""Learning-rate annealing: weights that bring the gradients of all losses to the size of the residual's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sciml.optim.adaptive_weights import GradientWeights


class LRA(GradientWeights):
    """The gradient of Σ_i w_i L_i with learning-rate annealing: w_i ← (1 - a) w_i + a max|∇L_r| / mean|∇L_i|.

    Maximum and mean are over all parameters; L_r is the sum of the reference losses, whose own weights stay 1. A
    weight stays where ∇L_i is zero.

    Parameters
    ----------
    reference : names of the losses of the equation; the first loss by default
    rate : a
    every : steps between two updates of the weights

    Source: S. Wang, Y. Teng, P. Perdikaris, arXiv:2001.04536, algorithm 1.
    """

    def __init__(self, reference: Sequence[str] = (), rate: float = 0.1, every: int = 10) -> None:
        super().__init__(rate, every)
        self.reference = [reference] if isinstance(reference, str) else list(reference)

    def target(self, values: Mapping[str, float], gradients: Mapping[str, Tensor]) -> dict[str, float]:
        unknown = [name for name in self.reference if name not in gradients]
        if unknown:
            raise ValueError(
                f"reference names the losses {', '.join(unknown)}; the task has {', '.join(gradients)}"
            )
        reference = self.reference or [next(iter(gradients))]
        largest = float(torch.stack([gradients[name] for name in reference]).sum(dim=0).abs().max())
        means = {name: float(g.abs().mean()) for name, g in gradients.items() if name not in reference}
        return {name: largest / mean for name, mean in means.items() if mean > 0}
