"""Multi-grid patching: any operator, applied to patches of the domain that each see all of it, ever coarser."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from operators.axes import append_coordinates, per_axis, vanish_on_walls
from operators.bases import period
from operators.operator import Operator


class MultiGridPatching(Operator):
    """An operator on patches: 2ᴸ of them on each axis, with padding, and L levels of context as channels.

    With c the centre of a patch, the operator sees on level l the field at c + 2ˡ(x - c), x the points of the padded patch:
    the patch itself (l = 0), then ever larger surroundings on as few points, until one as large as the domain (l = L).
    Its output is cropped to the patch, and the patches are put together. A point between two of the field takes the mean
    of both. All is in fractions of the domain, so the resolution is as free as it is for the operator inside.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    model
        Name of the operator, as in ``operators``.
    settings
        Its own options. Channels, dims, domain and grid are filled in; the unit coordinates it may append are those of
        a patch.
    levels
        L, the number of times the domain is halved and of the levels of context.
    padding
        What is added to a patch on either side, as a fraction of its length.
    periodic
        Whether the field goes on periodically beyond its ends, or else with the value it has there. By default axes with
        half-open points are periodic. One flag, or one for each axis.
    coordinates
        Append the unit coordinates in the whole domain, so that patches differ by more than what is in them.
    zero_boundary
        See `vanish_on_walls`: zero on the walls of the whole domain.
    dims, domain, grid
        See `Operator`.
    size
        Points on each axis of the grid trained at, for a model inside that has a ``resolution_bound``; others are then refused.

    Raises
    ------
    ValueError
        For an unknown model, settings it does not take, or levels or padding below zero; when called, for a number of points
        that the patches cannot share.

    Source: J. Kossaifi, N. Kovachki, K. Azizzadenesheli, A. Anandkumar, Multi-grid tensorized Fourier neural operator
    for high-resolution PDEs, TMLR 2024 (arXiv:2310.00120), section 3.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        model: str,
        settings: dict[str, Any],
        *,
        dims: int = 2,
        levels: int = 1,
        padding: float = 0.25,
        periodic: bool | Sequence[bool] | None = None,
        coordinates: bool = True,
        zero_boundary: bool | Sequence[bool] = False,
        domain: Sequence[tuple[float, float]] | None = None,
        grid: Sequence[str] | str = "half-open",
        size: Sequence[int] | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, dims=dims, domain=domain, grid=grid)
        if levels < 0 or padding < 0:
            raise ValueError(f"levels ({levels}) and padding ({padding}) must not be negative")
        if settings.get("zero_boundary"):
            raise ValueError(
                "settings have zero_boundary, which would hold on the walls of each patch; give it to MultiGridPatching instead"
            )
        self.levels, self.padding = levels, Fraction(padding).limit_denominator(64)
        self.patches = 2**levels
        if periodic is None:
            periodic = [convention == "half-open" for convention in self.grid]
        self.periodic = per_axis(periodic, dims, "periodic")
        self.coordinates = coordinates
        self.zero_boundary = per_axis(zero_boundary, dims, "zero_boundary")
        share = float((1 + 2 * self.padding) / self.patches)
        self.model = make_operator(
            model,
            settings,
            in_channels=in_channels * (1 + levels) + (dims if coordinates else 0),
            out_channels=out_channels,
            dims=dims,
            domain=[(0.0, share * (upper - lower)) for lower, upper in self.domain],
            grid=list(self.grid),
        )
        self.resolution_bound = self.model.resolution_bound
        if self.resolution_bound is not None and size is not None:
            self.size = per_axis(size, dims, "size")

    def operate(self, x: Tensor, points: list[Tensor]) -> Tensor:
        fields = [self.split(x, level) for level in range(self.levels + 1)]
        if self.coordinates:
            fields[0] = self.split(append_coordinates(x, points), 0)
        patches = torch.cat(fields, 1)
        try:
            y = self.model(patches)
        except ValueError as error:
            raise ValueError(f"on patches of {tuple(patches.shape[2:])} points: {error}") from error
        y = self.assemble(y, x.shape[2:])
        return vanish_on_walls(y, points, self.zero_boundary)

    def split(self, x: Tensor, level: int) -> Tensor:
        """What the patches see on a level, (batch, channels, *grid) -> (batch * patches, channels, *points of a patch)."""
        for axis in reversed(range(self.dims)):
            n, dim = x.shape[axis + 2], axis + 2
            length, pad = self._patch_points(axis, n)
            # in cells, with the points of a grid of centres in the middle of theirs
            first = 0.5 if self.grid[axis] == "centres" else 0.0
            count = length + 2 * pad + (self.grid[axis] == "vertices")
            starts = length * torch.arange(self.patches, dtype=torch.float64, device=x.device)[:, None]
            inside = torch.arange(count, dtype=torch.float64, device=x.device) - pad + first
            middle = length / 2
            positions = starts + middle + 2**level * (inside - middle) - first
            limit = period(n, self.grid[axis]) if self.periodic[axis] else None
            x = values_between(x, dim, positions.flatten(), limit).unflatten(dim, positions.shape)
        # patches into the batch: (batch, channels, patch, point, patch, point, ...) as it stands
        order = [0, *range(2, x.ndim, 2), 1, *range(3, x.ndim, 2)]
        return x.permute(order).flatten(0, self.dims).contiguous()

    def assemble(self, y: Tensor, sizes: Sequence[int]) -> Tensor:
        """Fields of ``sizes`` points out of those on padded patches: the inverse of `split` on level 0."""
        y = y.unflatten(0, (-1, *[self.patches] * self.dims))
        dims = range(1, self.dims + 1)
        y = y.permute([0, self.dims + 1, *(d for axis in dims for d in (axis, axis + self.dims + 1))])
        for axis, n in enumerate(sizes):
            dim = axis + 2
            length, pad = self._patch_points(axis, n)
            joined = y.narrow(dim + 1, pad, length).flatten(dim, dim + 1)
            if self.grid[axis] == "vertices":  # a vertex that two patches share is the right one's
                end = y.select(dim, self.patches - 1).narrow(dim, pad + length, 1)
                joined = torch.cat([joined, end], dim)
            y = joined
        return y.contiguous()

    def _patch_points(self, axis: int, n: int) -> tuple[int, int]:
        """Length of a patch and of its padding, in cells."""
        cells = period(n, self.grid[axis])
        unit = self.patches * self.padding.denominator
        if cells % unit:
            extra = n - cells
            raise ValueError(
                f"axis {axis} has {n} points, but {self.patches} patches with a padding of {self.padding} of a patch need "
                f"{'one more than ' if extra else ''}a multiple of {unit}, such as {cells // unit * unit + unit + extra}; "
                "resample the fields, or change levels or padding"
            )
        length = cells // self.patches
        return length, int(length * self.padding)


def make_operator(name: str, settings: dict[str, Any], **given: Any) -> Operator:
    """The operator of that name, with its ``settings`` and those of the ``given`` arguments that it takes."""
    import operators  # the package is complete by the time that a model is made

    kind = getattr(operators, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Operator)):
        raise ValueError(f"operators has no operator {name!r}")
    known = inspect.signature(kind).parameters
    try:
        return kind(**{key: value for key, value in given.items() if key in known}, **settings)
    except TypeError as error:
        raise ValueError(f"operators.{name} does not take these settings: {error}") from error


def values_between(x: Tensor, dim: int, positions: Tensor, limit: int | None) -> Tensor:
    """Linear interpolation at ``positions``, in numbers of points from the first, along one dimension.

    Beyond the ends the field has the period of ``limit`` points or, without it, its values there.
    """
    left = positions.floor().long()

    def values(index: Tensor) -> Tensor:
        inside = index.clamp(0, x.shape[dim] - 1) if limit is None else index % limit
        return x.index_select(dim, inside)

    share = (positions - left).to(x).view(-1, *[1] * (x.ndim - 1 - dim))
    return torch.lerp(values(left), values(left + 1), share)
