"""Checking any file against The Well's specification, and its contents against themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import h5py
import numpy as np

from .hdf5 import READ_BUDGET, DataFileError, attribute, dataset, fail, naming, open_file, strings, subgroup
from .layout import BOUNDARY_TYPES, ORDERS, flag, group_name, read_field, read_sizes, text
from .reader import FieldFile


def check_well(path: str | os.PathLike[str]) -> list[str]:
    """Everything that is wrong with a file, one line each; an empty list for a valid file.

    Checked are what The Well's specification and its own checker demand (groups, attributes and their types,
    shapes), and beyond that: NaN and inf, times that do not increase, coordinates that are not uniform or
    contradict the stated grid, data missing, damaged, or stored outside the file.

    Raises FileNotFoundError if there is no such file.
    """
    problems: list[str] = []
    try:
        with open_file(path) as file:
            for section in (_root, _dimensions, _fields, _scalars, _boundary):
                problems += _gather(path, section(file))
    except DataFileError as error:
        return [str(error)]
    if not problems:
        with FieldFile(path) as fields:
            problems += _gather(path, _contents(fields))
    return list(dict.fromkeys(problems))


def _gather(path: str | os.PathLike[str], found: Iterator[DataFileError]) -> list[str]:
    """The messages of all problems found, and of the one that ended the search, if any."""
    problems = []
    try:
        with naming(path):
            for problem in found:
                problems.append(str(problem))
    except DataFileError as error:
        problems.append(str(error))
    return problems


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool | np.bool_)


def _is_list(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _typed(
    node: h5py.HLObject, name: str, is_valid: Callable[[object], bool], what: str
) -> Iterator[DataFileError]:
    try:
        if not is_valid(attribute(node, name)):
            yield fail(node, f"attribute {name!r} must be {what}")
    except DataFileError as error:
        yield error


def _names(node: h5py.HLObject, name: str) -> Iterator[DataFileError]:
    yield from _typed(node, name, _is_list, "a list of names")


def _varying(node: h5py.HLObject) -> Iterator[DataFileError]:
    for name in ("sample_varying", "time_varying"):
        yield from _typed(node, name, _is_boolean, "a boolean")


def _shape(
    node: h5py.HLObject, actual: tuple[int, ...], *expected: tuple[int, ...]
) -> Iterator[DataFileError]:
    if actual not in expected:
        yield fail(node, f"has shape {actual}, expected {' or '.join(map(str, expected))}")


def _root(file: h5py.File) -> Iterator[DataFileError]:
    for name in ("dataset_name", "grid_type"):
        yield from _typed(file, name, _is_text, "text")
    for name in ("n_spatial_dims", "n_trajectories"):
        yield from _typed(file, name, _is_whole, "an integer")
    for name in strings(file, "simulation_parameters"):
        attribute(file, name)
        if name not in strings(subgroup(file, "scalars"), "field_names"):
            yield fail(file, f"simulation parameter {name!r} is not among the field_names of 'scalars'")


def _dimensions(file: h5py.File) -> Iterator[DataFileError]:
    group = subgroup(file, "dimensions")
    yield from _names(group, "spatial_dims")
    axes = strings(group, "spatial_dims")
    if len(axes) != attribute(file, "n_spatial_dims"):
        yield fail(
            group,
            f"spatial_dims lists {len(axes)} axes, but n_spatial_dims is {attribute(file, 'n_spatial_dims')}",
        )
    n_samples, n_times, *shape = read_sizes(file)
    for axis, n in zip(("time", *axes), (n_times, *shape), strict=True):
        node = dataset(group, axis)
        yield from _varying(node)
        samples = (n_samples,) if flag(node, "sample_varying") else ()
        times = (n_times,) if axis != "time" and flag(node, "time_varying") else ()
        yield from _shape(node, node.shape, (*samples, *times, n))
        if axis == "time" and not flag(node, "time_varying"):
            yield fail(node, "attribute 'time_varying' must be true")


def _fields(file: h5py.File) -> Iterator[DataFileError]:
    sizes = read_sizes(file)
    for order in ORDERS:
        group = subgroup(file, group_name(order))
        yield from _names(group, "field_names")
        for name in strings(group, "field_names"):
            try:
                node = file[read_field(file, name, order, sizes, READ_BUDGET).key]
            except DataFileError as error:
                yield error
                continue
            yield from _varying(node)
            yield from _typed(node, "dim_varying", _is_list, "a list of booleans")


def _scalars(file: h5py.File) -> Iterator[DataFileError]:
    n_samples, n_times, *_ = read_sizes(file)
    group = subgroup(file, "scalars")
    yield from _names(group, "field_names")
    for name in strings(group, "field_names"):
        node = dataset(group, name)
        yield from _varying(node)
        samples = (n_samples,) if flag(node, "sample_varying") else ()
        times = (n_times,) if flag(node, "time_varying") else ()
        # the specification writes a constant as an array of one, its checker as a number
        constant = () if samples or times else ((1,),)
        yield from _shape(node, node.shape, (*samples, *times), *constant)


def _boundary(file: h5py.File) -> Iterator[DataFileError]:
    n_samples, n_times, *shape = read_sizes(file)
    sizes = dict(zip(strings(subgroup(file, "dimensions"), "spatial_dims"), shape, strict=True))
    conditions = subgroup(file, "boundary_conditions")
    for key in conditions:
        node = subgroup(conditions, key)
        yield from _varying(node)
        for name in ("associated_dims", "associated_fields"):
            yield from _names(node, name)
        if text(node, "bc_type").lower() not in BOUNDARY_TYPES:
            yield fail(node, f"attribute 'bc_type' must be one of {', '.join(BOUNDARY_TYPES)}")
        axes = strings(node, "associated_dims")
        if not set(axes) <= set(sizes):
            yield fail(node, f"associated_dims {axes} are not all among spatial_dims {list(sizes)}")
            continue
        samples = (n_samples,) if flag(node, "sample_varying") else ()
        times = (n_times,) if flag(node, "time_varying") else ()
        mask = dataset(node, "mask")
        if mask.dtype.kind != "b":
            yield fail(mask, f"must hold booleans, not {mask.dtype}")
        yield from _shape(mask, mask.shape, (*samples, *times, *(sizes[axis] for axis in axes)))


def _contents(file: FieldFile) -> Iterator[DataFileError]:
    if not (np.diff(file.times, axis=-1) > 0).all():
        yield DataFileError(f"{file.path}: dimensions/time: does not increase")
    for name, info in file.layout.fields.items():
        bad = sum(block.size - int(np.isfinite(block).sum()) for block in file.blocks(name))
        if bad:
            yield DataFileError(f"{file.path}: {info.key}: holds {bad} NaN or inf values")
    # last, as it raises
    _ = file.grid
