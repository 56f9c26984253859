"""What fully connected networks are made of: activations and linear layers with their initial weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Activation] = {
    "tanh": torch.tanh,
    "silu": F.silu,
    "gelu": F.gelu,
    "sin": torch.sin,
}
"""All are smooth, as derivatives of networks are taken."""


def activation_named(name: str) -> Activation:
    """The activation, or ValueError with those that there are."""
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def require_size(width: int, depth: int) -> None:
    """Raises ValueError for a network without layers or neurons."""
    if width < 1 or depth < 1:
        raise ValueError(f"width ({width}) and depth ({depth}) must be at least 1")


class GlorotLinear(nn.Linear):
    """W x + b with W from Glorot's normal distribution, of variance 2 / (in + out), and b = 0 at the start."""

    def reset_parameters(self) -> None:
        nn.init.xavier_normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class FactorisedLinear(nn.Module):
    """W x + b with W = diag(exp s) V: random weight factorisation, which trains the scale of each neuron by itself.

    At the start s ~ N(1, 0.1²), W is drawn as by `GlorotLinear` and b = 0.

    Source: S. Wang, H. Wang, J. H. Seidman, P. Perdikaris, Random weight factorization improves the training of
    continuous neural representations, arXiv:2210.01274, with the μ and σ used for PirateNets.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        start = GlorotLinear(in_features, out_features)
        self.bias = start.bias
        self.log_scale = nn.Parameter(1 + 0.1 * torch.randn(out_features))
        self.direction = nn.Parameter(start.weight.detach() / self.log_scale.detach().exp()[:, None])

    @property
    def weight(self) -> Tensor:
        """W, (out_features, in_features)."""
        return self.log_scale.exp()[:, None] * self.direction

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)
