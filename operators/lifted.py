"""Operators that act on many channels: lift each point's fields, mix, project back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from operators.axes import append_coordinates, per_axis, vanish_on_walls
from operators.operator import Operator
from operators.pointwise import PointwiseMLP


class LiftedOperator(Operator):
    """u = projection(mix(lifting(a))), with lifting and projection two layers on the channels of each point.

    A subclass implements `mix`.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    dims
        Number of grid axes.
    width
        Number of channels inside.
    lifting_ratio, projection_ratio
        Hidden channels of lifting and projection, relative to ``width``.
    coordinates
        Append the unit coordinates of the points as input channels. Without them an operator made of convolutions
        commutes with translations on a periodic domain.
    zero_boundary
        Multiply the output by Π 4 sᵢ(1 - sᵢ), s the unit coordinates, which vanishes on the walls of the domain:
        homogeneous Dirichlet values then hold exactly at every resolution. One flag, or one for each axis.
    domain, grid
        See `Operator`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dims: int,
        width: int,
        *,
        lifting_ratio: float = 2,
        projection_ratio: float = 2,
        coordinates: bool = True,
        zero_boundary: bool | Sequence[bool] = False,
        domain: Sequence[tuple[float, float]] | None = None,
        grid: Sequence[str] | str = "half-open",
    ) -> None:
        super().__init__(in_channels, out_channels, dims=dims, domain=domain, grid=grid)
        self.coordinates = coordinates
        self.zero_boundary = per_axis(zero_boundary, dims, "zero_boundary")
        features = in_channels + (dims if coordinates else 0)
        hidden = require_hidden("lifting_ratio", int(lifting_ratio * width), width)
        self.lifting = PointwiseMLP(features, hidden, width)
        hidden = require_hidden("projection_ratio", int(projection_ratio * width), width)
        self.projection = PointwiseMLP(width, hidden, out_channels)

    def operate(self, x: Tensor, points: list[Tensor]) -> Tensor:
        if self.coordinates:
            x = append_coordinates(x, points)
        y = self.projection(self.mix(self.lifting(x.movedim(1, -1))))
        return vanish_on_walls(y.movedim(-1, 1), points, self.zero_boundary).contiguous()

    @abstractmethod
    def mix(self, x: Tensor) -> Tensor:
        """What happens between lifting and projection, (batch, *grid, width) -> (batch, *grid, width)."""


def number_of_axes(modes: Sequence[int]) -> int:
    """How many axes ``modes`` describes; ValueError where it is a number instead of a list."""
    if isinstance(modes, int):
        raise ValueError(
            f"modes is {modes}; give one number for each axis, such as [{modes}] in one dimension"
        )
    return len(modes)


def require_hidden(name: str, channels: int, width: int) -> int:
    """The number of hidden channels; ValueError, with the ``name`` of their ratio to ``width``, where none is left."""
    if channels < 1:
        raise ValueError(f"{name} leaves no hidden channel at width {width}; raise one of the two")
    return channels
