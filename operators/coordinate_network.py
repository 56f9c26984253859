"""Networks of coordinates: functions of points, scaled to their domain and periodic where it is."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from operators.operator import Model


class CoordinateNetwork(Model):
    """A function of points, (n, in_features) -> (n, out_features): the unknown of a PINN.

    A subclass implements `network`. It sees each coordinate scaled from [lower, upper] to z in [-1, 1], and in place of
    a periodic one its harmonics

        cos πkz, sin πkz,  k = 1 ... K,

    so that the network and all its derivatives have the period upper - lower exactly. Both bounds are buffers,
    shape (in_features,), that are saved with the weights.

    Parameters
    ----------
    in_features, out_features
        Number of coordinates and of fields.
    lower, upper
        Bounds of the coordinates, in their units; without them the coordinates enter as they are.
    periodic
        Indices of the coordinates in which the network is periodic.
    harmonics
        K, for all of these or one for each.

    Raises
    ------
    ValueError
        For bounds that are empty or not one for each coordinate, a coordinate that does not exist, and a periodic one
        without bounds.

    Source: S. Dong, N. Ni, A method for representing periodic functions and enforcing exactly periodic boundary
    conditions with deep neural networks, J. Comput. Phys. 435 (2021) 110242.
    """

    lower: Tensor
    upper: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        lower: Sequence[float] | None = None,
        upper: Sequence[float] | None = None,
        periodic: Sequence[int] = (),
        harmonics: int | Sequence[int] = 1,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self._bounds: dict[str, list[float]] = {}
        for name, given, default in (("lower", lower, -1.0), ("upper", upper, 1.0)):
            values = [float(x) for x in ([default] * in_features if given is None else given)]
            if len(values) != in_features:
                raise ValueError(
                    f"{name} has {len(values)} entries but the network has {in_features} coordinates"
                )
            self._bounds[name] = values
            self.register_buffer(name, torch.tensor(values))
        if not bool((self.upper > self.lower).all()):
            raise ValueError(
                f"upper {self.upper.tolist()} must exceed lower {self.lower.tolist()} in each coordinate"
            )
        if periodic and (lower is None or upper is None):
            raise ValueError(f"periodic is {list(periodic)}, but a period needs the bounds lower and upper")
        self._set_periods(periodic, [harmonics] * len(periodic) if isinstance(harmonics, int) else harmonics)

    def _set_periods(self, periodic: Sequence[int], harmonics: Sequence[int]) -> None:
        self.periodic = tuple(periodic)
        if len(set(self.periodic) & set(range(self.in_features))) < len(self.periodic):
            raise ValueError(
                f"periodic is {list(periodic)}; it must hold different indices below {self.in_features}"
            )
        if len(harmonics) != len(self.periodic) or any(k < 1 for k in harmonics):
            raise ValueError(
                f"harmonics is {list(harmonics)}; give a positive number, or one for each of the {len(self.periodic)} periodic coordinates"
            )
        counts = dict(zip(self.periodic, harmonics, strict=True))
        self.feature_axes = tuple(
            axis for axis in range(self.in_features) for _ in range(2 * counts.get(axis, 0) or 1)
        )
        """The coordinate that each feature seen by `network` is made of."""
        for axis, count in counts.items():
            self.register_buffer(f"_harmonics{axis}", torch.arange(1.0, count + 1), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        # a bound that went through float32 would leave a gap between the ends of a period in float64
        for name, values in self._bounds.items():
            bound = getattr(self, name)
            bound.copy_(torch.tensor(values, dtype=torch.float64))
        return self

    def forward(self, points: Tensor) -> Tensor:
        """Values at ``points``, shape (n, in_features), in the units of ``lower`` and ``upper``."""
        if points.shape[-1] != self.in_features:
            raise ValueError(
                f"points have {points.shape[-1]} coordinates but the network takes {self.in_features}"
            )
        z = (2 * points - (self.lower + self.upper)) / (self.upper - self.lower)
        return self.network(self._with_harmonics(z) if self.periodic else z)

    def _with_harmonics(self, z: Tensor) -> Tensor:
        features = []
        for axis in range(self.in_features):
            column = z[..., axis : axis + 1]
            if axis in self.periodic:
                angle = math.pi * column * self.get_buffer(f"_harmonics{axis}")
                features += [torch.cos(angle), torch.sin(angle)]
            else:
                features.append(column)
        return torch.cat(features, -1)

    @abstractmethod
    def network(self, z: Tensor) -> Tensor:
        """The function of features z, shape (n, len(feature_axes)): coordinates in [-1, 1], or their harmonics."""
