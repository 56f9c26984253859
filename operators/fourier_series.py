"""A trigonometric series: a coordinate network that is linear in its parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from operators.coordinate_network import CoordinateNetwork


class FourierSeries(CoordinateNetwork):
    """Trigonometric series of points, (n, in_features) -> (n, out_features).

        u = Σ_k c_k φ_k,   φ_k a product over the coordinates of one of 1, cos πjz, sin πjz,  j = 1 ... K each

    with coordinates z scaled to [-1, 1], so that the domain is one period. The parameters are θ_k = c_k / scale_k: the
    scales change no function that the series can be, but how gradient descent gets there. All start from zero.

    Parameters
    ----------
    in_features, out_features
        Number of coordinates and of fields.
    harmonics
        K, for all coordinates or one for each.
    order
        Order m of the differential operator to be preconditioned: scale_k = |k|^-m with the wave vector k of φ_k in
        radians per unit of the coordinates, and 1 for the constant. 0 leaves the parameters as they are.
    lower, upper
        Bounds of the coordinates, in their units.

    Source: T. De Ryck, F. Bonnet, S. Mishra, E. de Bézenac, arXiv:2310.05801, section 3.
    """

    scale: Tensor
    _factors: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        harmonics: int | Sequence[int] = 16,
        order: float = 0.0,
        lower: Sequence[float] | None = None,
        upper: Sequence[float] | None = None,
    ) -> None:
        super().__init__(
            in_features,
            out_features,
            lower=lower,
            upper=upper,
            periodic=range(in_features),
            harmonics=harmonics,
        )
        counts = [self.feature_axes.count(axis) // 2 for axis in range(in_features)]
        # which function of each coordinate: 0 is the constant, then K cosines, then K sines
        factors = torch.tensor(list(itertools.product(*(range(2 * count + 1) for count in counts))))
        waves = torch.where(factors > torch.tensor(counts), factors - torch.tensor(counts), factors)
        wavenumber = (waves * (2 * math.pi / (self.upper - self.lower))).norm(dim=1)
        self.register_buffer("_factors", factors, persistent=False)
        self.register_buffer("scale", torch.where(wavenumber > 0, wavenumber, 1.0) ** -order)
        self.layer = nn.Linear(len(factors), out_features, bias=False)
        nn.init.zeros_(self.layer.weight)

    def network(self, z: Tensor) -> Tensor:
        constant = 0 * z[:, :1] + 1
        basis = self.scale
        start = 0
        for axis in range(self.in_features):
            end = start + self.feature_axes.count(axis)
            basis = torch.cat([constant, z[:, start:end]], -1)[:, self._factors[:, axis]] * basis
            start = end
        return self.layer(basis)

    @torch.no_grad()
    def rescale(self, factor: Tensor) -> None:
        """Multiply every scale by a positive ``factor`` (functions,) and divide the parameters by it: u stays."""
        self.scale *= factor
        self.layer.weight /= factor
