"""The Well's HDF5 schema: where things are in a file, and the shapes they must have.

The schema (PolymathicAI/the_well, docs/data_format.md) stores a field of tensor order k as

    t{k}_fields/<name>   ([sample,] [time,] [axis 1,] [axis 2,] ... [, D]*k)

where each leading dimension is there only if the attributes ``sample_varying``, ``time_varying`` and
``dim_varying`` say that the field varies along it. Where its text and its reader differ on order 2 (D² in one
dimension, D x D in two), files follow the reader.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import h5py
import numpy as np

from .hdf5 import attribute, child, dataset, fail, strings, subgroup

ORDERS = (0, 1, 2)
BOUNDARY_TYPES = ("periodic", "wall", "open")


@dataclass(frozen=True)
class FieldInfo:
    """One stored field."""

    key: str
    order: int
    shape: tuple[int, ...]
    dtype: np.dtype
    sample_varying: bool
    time_varying: bool
    dim_varying: tuple[bool, ...]


@dataclass(frozen=True)
class Layout:
    """What a file holds; ``fields`` by name, in the file's order."""

    name: str
    n_samples: int
    n_times: int
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    fields: dict[str, FieldInfo]

    def components(self, field: str) -> int:
        """Number of components of a field: 1, D or D²."""
        return len(self.axes) ** self.fields[field].order


def group_name(order: int) -> str:
    """The group that holds the fields of a tensor order."""
    return f"t{order}_fields"


def read_layout(file: h5py.File, max_bytes: int) -> Layout:
    """Read and verify what ``file`` holds. Raises `DataFileError` naming the first thing that is wrong."""
    if "dimensions" not in file.keys():  # noqa: SIM118 - `in file` would follow links
        there = ", ".join(file.keys()) or "nothing"
        raise fail(file, f"is not in The Well's schema: there is no 'dimensions'; it holds {there}")
    axes = tuple(strings(subgroup(file, "dimensions"), "spatial_dims"))
    sizes = read_sizes(file)
    if not axes or 0 in sizes:
        raise fail(file, f"holds nothing: (samples, time steps, *points) are {sizes}")
    fields: dict[str, FieldInfo] = {}
    for order in ORDERS:
        group = group_name(order)
        if group not in file.keys():  # noqa: SIM118
            continue
        for name in strings(subgroup(file, group), "field_names"):
            if name in fields:
                raise fail(file, f"field {name!r} is in {group} and in {fields[name].key}")
            fields[name] = read_field(file, name, order, sizes, max_bytes)
    if not fields:
        raise fail(file, "holds no fields")
    return Layout(text(file, "dataset_name"), sizes[0], sizes[1], axes, sizes[2:], fields)


def read_sizes(file: h5py.File) -> tuple[int, ...]:
    """(samples, time steps, *points along each axis)."""
    n_samples = number(file, "n_trajectories")
    if not (n_samples >= 0 and n_samples.is_integer()):
        raise fail(file, f"attribute 'n_trajectories' is {n_samples:g}, not a whole number")
    sizes = [int(n_samples)]
    for axis in ("time", *strings(subgroup(file, "dimensions"), "spatial_dims")):
        node = dataset(file, f"dimensions/{axis}")
        if node.ndim == 0:
            raise fail(node, "is a single number, not a list of coordinates")
        sizes.append(int(node.shape[-1]))
    return tuple(sizes)


def read_field(file: h5py.File, name: str, order: int, sizes: tuple[int, ...], max_bytes: int) -> FieldInfo:
    """The description of one field in a file of these `read_sizes`, whose shape must fit them."""
    key = f"{group_name(order)}/{name}"
    node = dataset(file, key, max_bytes=max_bytes)
    dim_varying = tuple(bool(v) for v in np.atleast_1d(attribute(node, "dim_varying")))
    varying = (flag(node, "sample_varying"), flag(node, "time_varying"), *dim_varying)
    n_axes = len(sizes) - 2
    if len(dim_varying) != n_axes:
        raise fail(node, f"attribute 'dim_varying' has {len(dim_varying)} entries for {n_axes} axes")
    expected = (*(n for n, varies in zip(sizes, varying, strict=True) if varies), *(n_axes,) * order)
    if node.shape != expected:
        raise fail(node, f"has shape {node.shape}, expected {expected}")
    return FieldInfo(key, order, node.shape, node.dtype, varying[0], varying[1], dim_varying)


def read_boundary(file: h5py.File, axes: Collection[str]) -> dict[str, str]:
    """The boundary type of each of the ``axes`` that has one, in lower case; several are joined by '+'."""
    found: dict[str, set[str]] = {}
    if "boundary_conditions" not in file.keys():  # noqa: SIM118
        return {}
    conditions = subgroup(file, "boundary_conditions")
    for key in conditions:
        node = child(conditions, key)
        kind = text(node, "bc_type").lower()
        if kind not in BOUNDARY_TYPES:
            raise fail(node, f"bc_type is {kind!r}, not one of {', '.join(BOUNDARY_TYPES)}")
        for axis in strings(node, "associated_dims"):
            if axis not in axes:
                raise fail(node, f"associated_dims names {axis!r}, but the axes are {', '.join(axes)}")
            found.setdefault(axis, set()).add(kind)
    return {axis: "+".join(sorted(kinds)) for axis, kinds in found.items()}


def flag(node: h5py.HLObject, name: str) -> bool:
    """A true-or-false attribute."""
    value = np.asarray(attribute(node, name))
    if value.size != 1 or value.dtype.kind not in "biu":
        raise fail(node, f"attribute {name!r} must be true or false")
    return bool(value.item())


def number(node: h5py.HLObject, name: str) -> float:
    """A numeric attribute."""
    value = np.asarray(attribute(node, name))
    if value.size != 1 or value.dtype.kind not in "biuf":
        raise fail(node, f"attribute {name!r} must be one number")
    return float(value.item())


def text(node: h5py.HLObject, name: str) -> str:
    """An attribute of one text."""
    values = strings(node, name)
    if len(values) != 1:
        raise fail(node, f"attribute {name!r} must be one text")
    return values[0]
