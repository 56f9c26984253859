"""Symmetries of a box, acting on fields: reflections, rotations, swaps of axes, and translations along periodic axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from pdes.grid import Grid

SYMMETRIES = ("reflections", "rotations", "permutations", "translations")


class FieldKind(NamedTuple):
    """What a field's components do under a symmetry x → Q x.

    Attributes
    ----------
    order : 0 a scalar u, 1 a vector Q v, 2 a tensor Q T Qᵀ
    pseudo : times det Q, so that the sign changes with the orientation, as that of a vorticity
    copies : how many fields of this kind follow one another along the channels, such as time steps
    """

    order: int = 0
    pseudo: bool = False
    copies: int = 1


class Orthogonal(NamedTuple):
    """A symmetry of the cube that leaves its centre, x'ᵢ = signsᵢ x_axesᵢ."""

    axes: tuple[int, ...]
    signs: tuple[int, ...]

    @property
    def determinant(self) -> int:
        swaps = sum(a > b for a, b in itertools.combinations(self.axes, 2))
        return int((-1) ** swaps * math.prod(self.signs))

    @property
    def inverse(self) -> Orthogonal:
        axes = tuple(self.axes.index(axis) for axis in range(len(self.axes)))
        return Orthogonal(axes, tuple(self.signs[axis] for axis in axes))

    def after(self, first: Orthogonal) -> Orthogonal:
        """The symmetry that applies ``first``, then this one."""
        axes = tuple(first.axes[axis] for axis in self.axes)
        signs = tuple(s * first.signs[axis] for s, axis in zip(self.signs, self.axes, strict=True))
        return Orthogonal(axes, signs)


def orthogonal_group(dims: int, names: Iterable[str]) -> list[Orthogonal]:
    """The smallest group that holds the named symmetries of the cube in ``dims`` dimensions, the identity first.

    "reflections" of any axes (2^dims), "rotations" (those of determinant 1; 4 of the square, 24 of the cube) and
    "permutations" of the axes (dims!); reflections together with either of the others are all 2^dims dims! symmetries.
    """
    identity = tuple(range(dims))
    every = [
        Orthogonal(axes, signs)
        for axes in itertools.permutations(identity)
        for signs in itertools.product((1, -1), repeat=dims)
    ]
    named = {
        "reflections": [q for q in every if q.axes == identity],
        "rotations": [q for q in every if q.determinant == 1],
        "permutations": [q for q in every if min(q.signs) == 1],
    }
    group = {every[0]}
    generators = [q for name in names for q in named.get(name, [])]
    while grown := {q.after(p) for p in group for q in generators} - group:
        group |= grown
    return sorted(group, key=every.index)


Operation = Callable[[Tensor, Sequence[Tensor] | None], Tensor]


class Symmetries:
    """Random symmetries of a problem, for pairs of fields that the symmetry leaves a valid pair.

    Parameters
    ----------
    names : among `SYMMETRIES`; what they generate together is drawn from uniformly. Translations are by whole points of the
        periodic axes
    grid : of the fields; other numbers of points will do too
    inputs, targets : the kinds of the fields along the channels

    Raises ValueError for an unknown name, and for a grid that is not mapped onto itself: axes to be swapped that differ,
    reflections of half-open points that are not periodic, translations without a periodic axis.
    """

    def __init__(
        self, names: Sequence[str], grid: Grid, inputs: Sequence[FieldKind], targets: Sequence[FieldKind]
    ) -> None:
        unknown = [name for name in names if name not in SYMMETRIES]
        if unknown:
            raise ValueError(
                f"data.symmetries: unknown {', '.join(map(repr, unknown))}; choose among {', '.join(SYMMETRIES)}"
            )
        self._group = orthogonal_group(len(grid), names)
        self._kinds = (inputs, targets)
        # one end of these points is missing, and where the axis is periodic point i goes to -i
        self._half_open = [axis.convention == "half-open" for axis in grid]
        periodic = [dim for dim, axis in enumerate(grid) if axis.periodic]
        self._shifted = periodic if "translations" in names else []
        self._require(names, grid, bool(periodic))

    def _require(self, names: Sequence[str], grid: Grid, periodic: bool) -> None:
        for name in names:
            if name in ("rotations", "permutations") and len(grid) == 1:
                raise ValueError(f"data.symmetries: {name} need two axes or more; the data have one")
        if any(q.axes != self._group[0].axes for q in self._group):
            first, *others = ((a.n, a.lower, a.upper, a.convention, a.periodic) for a in grid)
            if any(other != first for other in others):
                raise ValueError(
                    "data.symmetries: rotations and permutations need equal axes (points, ends, convention, periodicity); "
                    "take reflections and translations alone"
                )
        for axis, half_open in zip(grid, self._half_open, strict=True):
            if half_open and not axis.periodic and any(min(q.signs) < 0 for q in self._group):
                raise ValueError(
                    f"data.symmetries: a reflection takes the half-open points of axis {axis.name!r} to others; "
                    "only periodic axes, vertices and centres can be reflected"
                )
        if "translations" in names and not periodic:
            raise ValueError("data.symmetries: translations need a periodic axis, and the data have none")

    def draw(self, x: Tensor, y: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Inputs (B, C_in, *grid) and targets (B, C_out, *grid), each sample under a symmetry of its own."""
        pairs = []
        for sample in zip(x, y, strict=True):
            q = self._group[int(torch.randint(len(self._group), (), generator=generator))]
            shifts = [int(torch.randint(x.shape[dim + 2], (), generator=generator)) for dim in self._shifted]
            pairs.append(
                [self.act(field, kinds, q, shifts) for field, kinds in zip(sample, self._kinds, strict=True)]
            )
        inputs, targets = zip(*pairs, strict=True)
        return torch.stack(inputs), torch.stack(targets)

    def averaged(self, operator: Operation, x: Tensor, coords: Sequence[Tensor] | None = None) -> Tensor:
        """The mean of q⁻¹ f(q x) over all symmetries q but translations: fields of the operator f, made to have them exactly.

        ``operator`` takes fields (B, C_in, *grid) and their coordinates, and gives (B, C_out, *grid).
        """
        inputs, targets = self._kinds
        total = x.new_zeros(())
        for q in self._group:
            moved = None if coords is None else [coords[axis] for axis in q.axes]
            total = total + self.act(operator(self.act(x, inputs, q), moved), targets, q.inverse)
        return total / len(self._group)

    def act(
        self, field: Tensor, kinds: Sequence[FieldKind], q: Orthogonal, shifts: Sequence[int] = ()
    ) -> Tensor:
        """A field (..., C, *grid) under the symmetry, then shifted by so many points along each axis that is translated."""
        dims = len(q.axes)
        channel = field.ndim - dims - 1
        channels, signs = zip(*_components(kinds, q), strict=True)
        if len(channels) != field.shape[channel]:
            raise ValueError(
                f"the kinds describe {len(channels)} channels, the field has {field.shape[channel]}"
            )
        if channels != tuple(range(len(channels))):
            field = field.index_select(channel, torch.tensor(channels, device=field.device))
        first = channel + 1
        field = field.permute(*range(first), *(first + axis for axis in q.axes))
        for dim, (sign, half_open) in enumerate(zip(q.signs, self._half_open, strict=True), start=first):
            if sign < 0:
                field = field.flip(dim).roll(1, dim) if half_open else field.flip(dim)
        if any(shifts):
            field = field.roll(tuple(shifts), tuple(first + dim for dim in self._shifted))
        return field * field.new_tensor(signs).view(-1, *[1] * dims) if min(signs) < 0 else field


def _components(kinds: Sequence[FieldKind], q: Orthogonal) -> Iterator[tuple[int, int]]:
    """For each channel of the result, the channel that it comes from and the sign."""
    start, dims = 0, len(q.axes)
    for kind in kinds:
        for _ in range(kind.copies):
            for index in itertools.product(range(dims), repeat=kind.order):
                source = 0
                for i in index:
                    source = source * dims + q.axes[i]
                sign = math.prod(q.signs[i] for i in index) * (q.determinant if kind.pseudo else 1)
                yield start + source, sign
            start += dims**kind.order
