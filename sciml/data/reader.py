"""Reading fields, their grid and times from a file in The Well's schema."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import h5py
import numpy as np

from pdes.grid import Axis, Grid

from .hdf5 import (
    READ_BUDGET,
    DataFileError,
    dataset,
    fail,
    has_attribute,
    naming,
    native,
    open_file,
    read_array,
    strings,
)
from .layout import FieldInfo, Layout, number, read_boundary, read_layout, text

Index = int | slice | Sequence[int] | np.ndarray
BLOCK_BYTES = 64 * 2**20


class FieldFile:
    """The fields of an HDF5 file in The Well's schema, read piece by piece.

    The file is opened on first use, once in each process, so a `FieldFile` can be pickled and survives the
    start of data-loading workers by fork or by spawn. No read takes more than ``max_bytes`` of memory.

    Raises FileNotFoundError if there is no such file and, on first use, `DataFileError` (a ValueError) where
    the file is damaged, incomplete, not in the schema, or refers to data outside itself.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_bytes: int = READ_BUDGET) -> None:
        self.path = Path(path)
        self.max_bytes = max_bytes
        self._handle: h5py.File | None = None
        self._pid = os.getpid()
        if not self.path.exists():
            raise FileNotFoundError(f"{path}: no such file")

    @cached_property
    def layout(self) -> Layout:
        """What the file holds: samples, time steps, axes, fields."""
        file = self._file()
        with naming(self.path):
            return read_layout(file, self.max_bytes)

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.layout.name

    @property
    def n_samples(self) -> int:
        return self.layout.n_samples

    @property
    def n_times(self) -> int:
        return self.layout.n_times

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(self.layout.fields)

    @cached_property
    def times(self) -> np.ndarray:
        """The time of each step, (T,), or (N, T) where it differs between samples."""
        return read_array(self._file(), "dimensions/time", max_bytes=self.max_bytes)

    @cached_property
    def boundary(self) -> dict[str, str]:
        """Boundary type ("periodic", "wall", "open") of each axis; several are joined by '+'."""
        with naming(self.path, "boundary_conditions"):
            return read_boundary(self._file(), self.layout.axes)

    @cached_property
    def parameters(self) -> dict[str, float]:
        """The parameters of the equation that produced the data."""
        file = self._file()
        with naming(self.path, "simulation_parameters"):
            return {name: number(file, name) for name in strings(file, "simulation_parameters")}

    @cached_property
    def grid(self) -> Grid:
        """The grid: as the file states it or, in files of others, as its coordinates and periodicity imply.

        Raises `DataFileError` where the points are not uniform or contradict the stated grid.
        """
        axes = []
        for name in self.layout.axes:
            with naming(self.path, f"dimensions/{name}"):
                axes.append(self._axis(name))
        return Grid(axes)

    def _axis(self, name: str) -> Axis:
        points = read_array(self._file(), f"dimensions/{name}", max_bytes=self.max_bytes)
        if points.ndim != 1:
            raise ValueError(f"coordinates have shape {points.shape}: a grid that varies is not supported")
        periodic = "periodic" in self.boundary.get(name, "").split("+")
        node = dataset(self._file(), f"dimensions/{name}")
        if not has_attribute(node, "convention"):
            return Axis.from_points(name, points, periodic=periodic)
        axis = Axis(
            name,
            points.size,
            number(node, "lower"),
            number(node, "upper"),
            text(node, "convention"),
            periodic,
        )
        stated = axis.points().numpy()
        tolerance = 1e-4 * axis.spacing + 4 * np.finfo(np.float32).eps * float(np.abs(stated).max())
        if not np.abs(stated - points).max() <= tolerance:
            raise fail(
                node, f"coordinates are not those of a {axis.convention} axis on [{axis.lower}, {axis.upper}]"
            )
        return axis

    def field(self, name: str) -> FieldInfo:
        """The description of a field. Raises `DataFileError` listing the fields there are."""
        try:
            return self.layout.fields[name]
        except KeyError:
            there = ", ".join(self.field_names)
            raise DataFileError(f"{self.path}: there is no field {name!r}; it holds {there}") from None

    def read(self, field: str, samples: Index = slice(None), time: int | slice = slice(None)) -> np.ndarray:
        """Values of ``field``, shape (sample, time, *space[, D[, D]]), in the dtype of the file.

        An integer for ``samples`` or ``time`` drops that dimension; ``samples`` may also be an array of
        sample numbers in any order, or a mask. What the file stores once, because it does not vary along a
        dimension, is repeated along it.

        Raises `DataFileError` for an unknown field, an index out of range, or more than ``max_bytes``.
        """
        info = self.field(field)
        layout = self.layout
        with naming(self.path, info.key):
            rows = _selection(samples, layout.n_samples, "sample")
            steps = _selection(time, layout.n_times, "time step")
            space = (*layout.shape, *(len(layout.shape),) * info.order)
            size = math.prod((rows.n, steps.n, *space)) * info.dtype.itemsize
            if size > self.max_bytes:
                raise ValueError(
                    f"this read takes {size} bytes, over max_bytes={self.max_bytes}; read fewer samples"
                )
            node = dataset(self._file(), info.key, max_bytes=self.max_bytes)
            stored = native(node[(*[rows.read] * info.sample_varying, *[steps.read] * info.time_varying)])
            shape = (rows.n_read, steps.n_read, *space)
            varying = (info.sample_varying, info.time_varying, *info.dim_varying, *[True] * info.order)
            kept = tuple(n if varies else 1 for n, varies in zip(shape, varying, strict=True))
            full = np.broadcast_to(stored.reshape(kept), shape)[rows.order][:, steps.order]
        if isinstance(time, int | np.integer):
            full = full[:, 0]
        if isinstance(samples, int | np.integer):
            full = full[0]
        return np.require(full, requirements=["C", "W"])

    def blocks(self, field: str) -> Iterator[np.ndarray]:
        """All values of ``field`` as arrays (some samples, time, *space[, D[, D]]) of about 64 MiB."""
        info = self.field(field)
        sample = (
            math.prod((self.n_times, *self.layout.shape))
            * self.layout.components(field)
            * info.dtype.itemsize
        )
        step = max(1, BLOCK_BYTES // sample)
        for start in range(0, self.n_samples, step):
            yield self.read(field, slice(start, start + step))

    def close(self) -> None:
        """Close the file; it opens again when next used."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def __enter__(self) -> FieldFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handle": None}

    def __repr__(self) -> str:
        return f"FieldFile({str(self.path)!r})"

    def _file(self) -> h5py.File:
        if self._pid != os.getpid():
            # a handle inherited through fork shares its file position and caches with the parent
            self.close()
            self._pid = os.getpid()
        if self._handle is None:
            self._handle = open_file(self.path)
        return self._handle


class _Selected(NamedTuple):
    """What to read along a dimension, and how to order that afterwards.

    HDF5 reads slices with a positive step and increasing lists; the rest is done by ordering.
    """

    read: slice | np.ndarray
    n_read: int
    order: slice | np.ndarray
    n: int


def _selection(index: Index, n: int, what: str) -> _Selected:
    """Translate an index of a dimension of ``n``."""
    if isinstance(index, slice):
        chosen = range(n)[index]
        if chosen.step > 0:
            stop = max(chosen.start, chosen.stop)
            return _Selected(slice(chosen.start, stop, chosen.step), len(chosen), slice(None), len(chosen))
        index = np.array(chosen, dtype=np.int64)
    numbers = np.atleast_1d(np.asarray(index))
    if numbers.dtype == np.bool_:
        if numbers.shape != (n,):
            raise ValueError(f"a mask of shape {numbers.shape} does not fit {n} {what}s")
        numbers = np.flatnonzero(numbers)
    if numbers.size == 0:
        return _Selected(slice(0, 0), 0, slice(None), 0)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ValueError(f"{what}s are numbered by a list of whole numbers, not by {index!r}")
    outside = numbers[(numbers < -n) | (numbers >= n)]
    if outside.size:
        raise ValueError(f"{what} {outside[0]} is outside the {n} there are")
    unique, order = np.unique(numbers % n, return_inverse=True)
    contiguous = unique[-1] - unique[0] + 1 == len(unique)
    read = slice(int(unique[0]), int(unique[-1]) + 1) if contiguous else unique
    return _Selected(read, len(unique), order, len(numbers))
