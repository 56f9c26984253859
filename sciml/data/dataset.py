"""Input and target fields of a file as a torch dataset."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pdes.grid import Grid

from .hdf5 import READ_BUDGET, DataFileError
from .reader import FieldFile
from .selection import Selection
from .symmetry import FieldKind


class Channel(NamedTuple):
    """What a channel holds: a field, or a component of one, at a time."""

    field: str
    time: float
    component: int = 0


class FieldDataset(Dataset[tuple[Tensor, Tensor]]):
    """Pairs of x (C_in, *grid) and y (C_out, *grid) read from a file in The Well's schema.

    Parameters
    ----------
    path
        An HDF5 file; see `write_well`.
    inputs, targets
        Field selections such as ``"a"``, ``"u[-1]"`` or ``"u[0:10]"``; see `Selection`. A scalar field is one
        channel, a vector field D channels, a tensor field D², and several time steps are as many times more,
        one step after another.
    indices
        The samples to use, in this order; all of them by default.
    dtype
        Floating-point type of what is returned, whatever the file holds.
    allow_nonfinite
        Return NaN and inf instead of refusing them. Values that overflow ``dtype`` count as inf.
    max_bytes
        Most memory that one read of a field may take.

    Opens its file anew in each process, so it works with any number of loading workers.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataFileError
        (a ValueError) for an unknown field or time step, or anything wrong with the file. NaN and inf are
        counted where the samples that hold them are read.
    ValueError
        For indices outside the file or a ``dtype`` that is not floating-point.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        inputs: Sequence[str],
        targets: Sequence[str],
        *,
        indices: Sequence[int] | np.ndarray | Tensor | None = None,
        dtype: torch.dtype = torch.float32,
        allow_nonfinite: bool = False,
        max_bytes: int = READ_BUDGET,
    ) -> None:
        if not dtype.is_floating_point:
            raise ValueError(f"fields are returned as floating-point numbers, not {dtype}")
        self.file = FieldFile(path, max_bytes=max_bytes)
        self.dtype = dtype
        self.allow_nonfinite = allow_nonfinite
        self.inputs = self._selections("inputs", inputs)
        self.targets = self._selections("targets", targets)
        self.grid: Grid = self.file.grid
        self.indices = self._indices(indices)

    @property
    def in_channels(self) -> int:
        return self._count(self.inputs)

    @property
    def out_channels(self) -> int:
        return self._count(self.targets)

    def _count(self, selections: Sequence[Selection]) -> int:
        return sum(self.file.layout.components(s.field) * len(self.steps(s)) for s in selections)

    def subset(self, indices: Sequence[int] | np.ndarray | Tensor) -> FieldDataset:
        """The same fields of some of the samples, numbered as in the file."""
        other = copy.copy(self)
        other.indices = self._indices(indices)
        return other

    def kinds(self, pseudo: Sequence[str] = ()) -> tuple[list[FieldKind], list[FieldKind]]:
        """How inputs and targets behave under symmetries; ``pseudo`` names the fields whose sign changes with the orientation.

        Raises ValueError for a name that is not among them.
        """
        names = {selection.field for selection in (*self.inputs, *self.targets)}
        if unknown := [name for name in pseudo if name not in names]:
            raise ValueError(
                f"data.pseudo names {', '.join(unknown)}; inputs and targets are {', '.join(sorted(names))}"
            )

        def kinds(selections: Sequence[Selection]) -> list[FieldKind]:
            return [
                FieldKind(self.file.field(s.field).order, s.field in pseudo, len(self.steps(s)))
                for s in selections
            ]

        return kinds(self.inputs), kinds(self.targets)

    def channels(self, selections: Sequence[Selection]) -> list[Channel]:
        """What the channels of ``inputs`` or ``targets`` hold; where times differ between samples, they are the first one's."""
        times = self.file.times.reshape(-1, self.file.n_times)[0]
        return [
            Channel(s.field, float(times[step]), component)
            for s in selections
            for step in self.steps(s)
            for component in range(self.file.layout.components(s.field))
        ]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        sample = self.indices[[index]]
        return self._channels(self.inputs, sample)[0], self._channels(self.targets, sample)[0]

    def load(self) -> tuple[Tensor, Tensor]:
        """All samples at once: X (N, C_in, *grid) and Y (N, C_out, *grid)."""
        return self._channels(self.inputs, self.indices), self._channels(self.targets, self.indices)

    def _channels(self, selections: Sequence[Selection], samples: np.ndarray) -> Tensor:
        parts = [self._read(selection, samples) for selection in selections]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def _read(self, selection: Selection, samples: np.ndarray) -> Tensor:
        """One selection, (N, steps · components, *grid)."""
        steps = self.steps(selection)
        read = self.file.read(selection.field, samples, slice(steps.start, steps.stop))
        values = torch.from_numpy(read).to(self.dtype)
        if not self.allow_nonfinite:
            bad = int((~values.isfinite()).sum())
            if bad:
                raise DataFileError(
                    f"{self.file.path}: field {str(selection)!r} holds {bad} NaN or inf values of {values.numel()} as "
                    f"{self.dtype}; repair the data or pass allow_nonfinite=True"
                )
        # (N, steps, *grid, D, D) -> (N, steps D D, *grid)
        grid_end = 2 + len(self.grid)
        return values.reshape(*values.shape[:grid_end], -1).movedim(-1, 2).flatten(1, 2).contiguous()

    def steps(self, selection: Selection) -> range:
        """The time steps of a selection. Raises DataFileError for a step that the file does not have."""
        info = self.file.field(selection.field)
        try:
            return selection.steps(self.file.n_times if info.time_varying else 1)
        except ValueError as error:
            raise DataFileError(f"{self.file.path}: {error}") from None

    def _selections(self, role: str, texts: Sequence[str]) -> tuple[Selection, ...]:
        if isinstance(texts, str) or not texts:
            raise ValueError(f"{role} must be a list of fields such as ['u[0]'], got {texts!r}")
        selections = tuple(Selection.parse(text) for text in texts)
        for selection in selections:
            self.steps(selection)
        return selections

    def _indices(self, given: Any) -> np.ndarray:
        n = self.file.n_samples
        indices = np.arange(n) if given is None else np.asarray(given)
        if indices.ndim != 1 or indices.size == 0 or indices.dtype.kind not in "iu":
            raise ValueError(f"{self.file.path}: indices must be a list of sample numbers, not {given!r}")
        if indices.min() < 0 or indices.max() >= n:
            raise ValueError(
                f"{self.file.path}: indices run from {indices.min()} to {indices.max()}, but it holds {n}"
            )
        return indices
