"""Random Fourier features of the coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from operators.dense import GlorotLinear
from operators.mlp import MLP


class FourierFeatures(nn.Module):
    """φ(z) = (cos Bz, sin Bz), with B_ij ~ N(0, σ_j²): features (n, d) to (n, 2 frequencies).

    B is saved with the weights.

    Parameters
    ----------
    axes
        The coordinate that each of the d features belongs to.
    frequencies
        Number of rows of B.
    sigma
        σ in radians per unit of z, one for all coordinates or one for each.
    trainable
        Train B along.

    Raises ValueError for a ``sigma`` that is not positive or not one for each coordinate.

    Source: M. Tancik et al., Fourier features let networks learn high frequency functions in low dimensional domains,
    NeurIPS 2020; their σ is that of Bz / 2π.
    """

    def __init__(
        self, axes: Sequence[int], frequencies: int, sigma: float | Sequence[float], *, trainable: bool
    ) -> None:
        super().__init__()
        coordinates = max(axes) + 1
        sigmas = [float(sigma)] * coordinates if isinstance(sigma, int | float) else list(sigma)
        if len(sigmas) != coordinates or not all(s > 0 for s in sigmas):
            raise ValueError(
                f"sigma is {sigma}; give a positive number, or one for each of the {coordinates} coordinates"
            )
        if frequencies < 1:
            raise ValueError(f"frequencies ({frequencies}) must be at least 1")
        self.out_features = 2 * frequencies
        matrix = torch.randn(frequencies, len(axes)) * torch.tensor([sigmas[axis] for axis in axes])
        if trainable:
            self.matrix = nn.Parameter(matrix)
        else:
            self.register_buffer("matrix", matrix)

    def forward(self, z: Tensor) -> Tensor:
        angle = F.linear(z, self.matrix)
        return torch.cat([torch.cos(angle), torch.sin(angle)], -1)


class FourierMLP(MLP):
    """Fully connected network of random Fourier features of the coordinates.

    z₀ = (cos Bz, sin Bz) with the scaled coordinates z and B_ij ~ N(0, σ_j²); from there as `MLP`. It learns solutions
    with fine structure, of wavenumbers up to a few σ, that an MLP learns late.

    Parameters
    ----------
    frequencies
        Number of rows of B, so that there are twice as many features.
    sigma
        σ in radians per half length of the domain, for all coordinates or one for each.
    trainable
        Train B along; it stays as drawn otherwise.
    in_features, out_features, others
        See `MLP` and `CoordinateNetwork`.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        frequencies: int = 32,
        sigma: float | Sequence[float] = 2.0,
        trainable: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(in_features, out_features, **others)
        self.embedding = FourierFeatures(self.feature_axes, frequencies, sigma, trainable=trainable)
        # the first layer takes the features in place of the coordinates
        self.layers[0] = GlorotLinear(self.embedding.out_features, self.width)

    def network(self, z: Tensor) -> Tensor:
        return super().network(self.embedding(z))
