"""Writing fields as The Well lays them out, so that its tools open our files and ours open theirs.

Beyond the schema, each ``dimensions/<axis>`` states its domain (attributes ``lower``, ``upper``) and grid
``convention``, so that a reader need not guess them from the coordinates.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from pdes.grid import Axis, Grid

from .atomic import atomic_path
from .layout import BOUNDARY_TYPES, ORDERS, group_name

Array = np.ndarray | Tensor
CHUNK_BYTES = 4 * 2**20
_ROOT_ATTRIBUTES = ("simulation_parameters", "dataset_name", "grid_type", "n_spatial_dims", "n_trajectories")


def write_well(
    path: str | os.PathLike[str],
    fields: Mapping[str, Array],
    grid: Grid,
    *,
    times: Sequence[float] | Array | None = None,
    name: str,
    parameters: Mapping[str, float] | None = None,
    boundary: Mapping[str, str] | None = None,
    overwrite: bool = False,
    allow_nonfinite: bool = False,
) -> Path:
    """Write scalar fields on ``grid`` to an HDF5 file in The Well's schema; return its path.

    Parameters
    ----------
    fields
        Arrays (sample, time, *space). Without a time dimension, (sample, *space), a field is the same at all
        times; in a file of a single time step it is stored as that step. float32 and float64 are stored as
        they are, booleans, float16 and small integers as float32.
    times
        The T times, increasing. May be left out for steady data, T = 1, whose time is then 0.
    name
        Name of the data set.
    parameters
        Parameters of the equation, the same for all samples.
    boundary
        "periodic", "wall" or "open" by axis name. Axes left out are "periodic" if the grid says so, else "wall".
    overwrite
        Replace an existing file.
    allow_nonfinite
        Store NaN and inf instead of refusing them.

    The file appears whole or not at all. Fields are compressed, and damage to fields, coordinates or the
    file's structure is detected by checksums on reading.

    Raises ValueError naming the field, axis or parameter at fault.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise ValueError(
            f"{target}: already exists; pass --overwrite (overwrite=True in Python) to replace it"
        )
    arrays = {field: _storable(field, values, allow_nonfinite) for field, values in fields.items()}
    steps = _times(times)
    n_samples = _n_samples(arrays, grid, len(steps))
    kinds = _boundary_types(grid, boundary or {})
    constants = _parameters(parameters or {})
    # the newer file layout has checksums on its structure, too
    with atomic_path(target) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as file:
        file.attrs["dataset_name"] = name
        file.attrs["grid_type"] = "cartesian"
        file.attrs["n_spatial_dims"] = len(grid)
        file.attrs["n_trajectories"] = n_samples
        _write_dimensions(file.create_group("dimensions"), grid, steps)
        _write_boundary(file.create_group("boundary_conditions"), grid, kinds)
        _write_parameters(file, constants)
        for order in ORDERS:
            _write_names(file.create_group(group_name(order)), "field_names", arrays if order == 0 else ())
        for field, values in arrays.items():
            _write_field(file[group_name(0)], field, values, grid, len(steps))
    return target


def _storable(field: str, values: Array, allow_nonfinite: bool) -> np.ndarray:
    """The values as float32 or float64, unchanged."""
    _check_name("field", field)
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = (
            values.float() if values.dtype == torch.bfloat16 else values
        ).numpy()  # numpy has no bfloat16
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"field {field!r} holds {array.dtype}; give real numbers")
    if array.dtype not in (np.float32, np.float64):
        single = array.astype(np.float32)
        if not np.array_equal(single, array, equal_nan=array.dtype.kind == "f"):
            raise ValueError(
                f"field {field!r} holds {array.dtype} that float32 cannot represent; convert it yourself"
            )
        array = single
    bad = array.size - int(np.isfinite(array).sum())
    if bad and not allow_nonfinite:
        raise ValueError(
            f"field {field!r} holds {bad} NaN or inf values of {array.size}; they are not written"
        )
    return array


def _check_name(what: str, name: str) -> None:
    if not name or name.strip() != name or set(name) & set("/[]\0") or name in (".", ".."):
        raise ValueError(f"{what} name {name!r} must not be empty, padded with blanks, or contain / [ ]")


def _times(times: Sequence[float] | Array | None) -> np.ndarray:
    if isinstance(times, Tensor):
        times = times.detach().cpu().numpy()
    steps = np.zeros(1) if times is None else np.asarray(times, dtype=np.float64)
    if steps.ndim != 1 or steps.size == 0 or not np.isfinite(steps).all() or (np.diff(steps) <= 0).any():
        raise ValueError(f"times must be a list of finite, increasing numbers, got shape {steps.shape}")
    return steps


def _n_samples(arrays: Mapping[str, np.ndarray], grid: Grid, n_times: int) -> int:
    if not arrays:
        raise ValueError("there are no fields to write")
    if "time" in grid.names:
        raise ValueError("a spatial axis cannot be called 'time'")
    n = next(iter(arrays.values())).shape[:1]
    for field, values in arrays.items():
        if values.shape not in ((*n, n_times, *grid.shape), (*n, *grid.shape)) or n == (0,):
            raise ValueError(
                f"field {field!r} has shape {values.shape}; expected {n[0] if n else 'N'} >= 1 samples, {n_times} time "
                f"step(s) and the grid {grid.shape}; pass the times of unsteady data"
            )
    return n[0]


def _boundary_types(grid: Grid, given: Mapping[str, str]) -> dict[str, str]:
    unknown = set(given) - set(grid.names)
    if unknown:
        raise ValueError(f"boundary names {sorted(unknown)}, but the axes are {', '.join(grid.names)}")
    kinds = {axis.name: given.get(axis.name, "periodic" if axis.periodic else "wall") for axis in grid}
    for axis in grid:
        kind = kinds[axis.name]
        if kind not in BOUNDARY_TYPES:
            raise ValueError(
                f"axis {axis.name!r}: boundary {kind!r} is not one of {', '.join(BOUNDARY_TYPES)}"
            )
        if (kind == "periodic") != axis.periodic:
            raise ValueError(
                f"axis {axis.name!r}: boundary is {kind!r} but the grid has periodic={axis.periodic}"
            )
    return kinds


def _parameters(given: Mapping[str, float]) -> dict[str, float]:
    for key, value in given.items():
        _check_name("parameter", key)
        if key in _ROOT_ATTRIBUTES:
            raise ValueError(
                f"parameter {key!r} would overwrite an attribute of the schema; choose another name"
            )
        if not math.isfinite(value):
            raise ValueError(f"parameter {key!r} is {value}; it must be finite")
    return {key: float(value) for key, value in given.items()}


def _write_names(node: h5py.HLObject, key: str, names: Iterable[str]) -> None:
    # stated, because an empty list would otherwise be stored as numbers
    node.attrs.create(key, list(names), dtype=h5py.string_dtype())


def _mark(node: h5py.HLObject, *, sample: bool, time: bool) -> None:
    node.attrs["sample_varying"] = sample
    node.attrs["time_varying"] = time


def _write_dimensions(group: h5py.Group, grid: Grid, times: np.ndarray) -> None:
    """Coordinates are float64: in float32 the steps of a fine grid or a late time lose their digits."""
    _write_names(group, "spatial_dims", grid.names)
    _mark(group.create_dataset("time", data=times, fletcher32=True), sample=False, time=True)
    for axis in grid:
        node = group.create_dataset(axis.name, data=axis.points().numpy(), fletcher32=True)
        _mark(node, sample=False, time=False)
        node.attrs["lower"], node.attrs["upper"], node.attrs["convention"] = (
            axis.lower,
            axis.upper,
            axis.convention,
        )


def _write_boundary(group: h5py.Group, grid: Grid, kinds: Mapping[str, str]) -> None:
    """One entry an axis, marked at its two ends. Boundary values are part of the problem, not known here."""
    for axis in grid:
        node = group.create_group(f"{axis.name}_{kinds[axis.name]}")
        _write_names(node, "associated_dims", [axis.name])
        _write_names(node, "associated_fields", [])
        node.attrs["bc_type"] = kinds[axis.name]
        _mark(node, sample=False, time=False)
        node.create_dataset("mask", data=_ends(axis), fletcher32=True)


def _ends(axis: Axis) -> np.ndarray:
    mask = np.zeros(axis.n, dtype=bool)
    mask[[0, -1]] = True
    return mask


def _write_parameters(file: h5py.File, parameters: Mapping[str, float]) -> None:
    """As attributes of the file and as scalars; the schema asks for both."""
    _write_names(file, "simulation_parameters", parameters)
    scalars = file.create_group("scalars")
    _write_names(scalars, "field_names", parameters)
    for key, value in parameters.items():
        file.attrs[key] = value
        _mark(scalars.create_dataset(key, data=value), sample=False, time=False)


def _write_field(group: h5py.Group, field: str, values: np.ndarray, grid: Grid, n_times: int) -> None:
    if n_times == 1:
        values = values.reshape(len(values), 1, *grid.shape)
    time_varying = values.ndim == 2 + len(grid)
    # a chunk is one sample, or as many of its time steps as stay small
    steps = min(n_times, max(1, CHUNK_BYTES // (math.prod(grid.shape) * values.itemsize)))
    chunk = (1, *[steps] * time_varying, *grid.shape)
    node = group.create_dataset(
        field, data=values, chunks=chunk, compression="gzip", shuffle=True, fletcher32=True
    )
    _mark(node, sample=True, time=time_varying)
    node.attrs["dim_varying"] = [True] * len(grid)
