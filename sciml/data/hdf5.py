"""Opening HDF5 files that may be damaged or malicious.

A file can make its reader open other files (links, external storage, virtual datasets), allocate memory it
does not need (declared sizes, compression bombs) or return zeros for data never written (missing chunks).
Everything here is checked from the file's metadata, before any data are read.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .heap import check_heaps

READ_BUDGET = 8 * 2**30
"""Bytes that one read may take in memory unless its caller says otherwise."""

_DEFLATE_LIMIT = 1032  # deflate cannot compress further than 1032:1
_ATTRIBUTE_LIMIT = 4096  # values in one attribute


class DataFileError(ValueError):
    """A data file that cannot be used. The message names the file and, where there is one, the key."""


@contextmanager
def naming(path: str | os.PathLike[str], key: str = "") -> Iterator[None]:
    """Turn a ValueError, and whatever HDF5 raises about a damaged file, into a `DataFileError` naming file and key."""
    where = f"{path}: {key}" if key else f"{path}"
    try:
        yield
    except DataFileError:
        raise
    except ValueError as error:
        raise DataFileError(f"{where}: {_one_line(error)}") from error
    except (OSError, RuntimeError, LookupError, TypeError, MemoryError, ArithmeticError) as error:
        raise DataFileError(
            f"{where}: cannot be read, the file may be damaged ({_one_line(error)})"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def open_file(path: str | os.PathLike[str]) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises FileNotFoundError if there is none, `DataFileError` if it is a folder, truncated or not HDF5.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not Path(path).is_file():
        raise DataFileError(f"{path}: is not a file")
    with naming(path):
        if not h5py.is_hdf5(path):
            raise DataFileError(f"{path}: is not an HDF5 file")
        check_heaps(path)
        # read-only file systems and some network ones cannot lock
        return h5py.File(path, "r", locking="best-effort")


def fail(node: h5py.HLObject, message: str) -> DataFileError:
    """The error that names the file and key of ``node``."""
    key = (node.name or "").strip("/")
    return DataFileError(
        f"{node.file.filename}: {key}: {message}" if key else f"{node.file.filename}: {message}"
    )


def child(group: h5py.Group, key: str) -> h5py.Group | h5py.Dataset:
    """The object ``key`` ("a/b" goes down groups) of ``group``, reached by hard links alone."""
    node = group
    for part in key.split("/"):
        if not isinstance(node, h5py.Group):
            raise fail(node, f"is not a group, so it has no {part!r}")
        with naming(node.file.filename, key):
            if part not in node.keys():  # noqa: SIM118 - `in node` would follow links
                there = ", ".join(node.keys()) or "nothing"
                raise fail(node, f"there is no {part!r}; it holds {there}")
            link = node.get(part, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise fail(node, f"{part!r} is a link to another place; copy the data into the file")
            node = node[part]
    return node


def subgroup(group: h5py.Group, key: str) -> h5py.Group:
    """The group ``key`` of ``group``."""
    node = child(group, key)
    if not isinstance(node, h5py.Group):
        raise fail(node, "must be a group")
    return node


def dataset(group: h5py.Group, key: str, *, max_bytes: int = READ_BUDGET) -> h5py.Dataset:
    """The dataset ``key`` of ``group``: numbers, stored in this file, complete, and no larger than they claim.

    Raises `DataFileError` otherwise, or if one chunk exceeds ``max_bytes``.
    """
    node = child(group, key)
    if not isinstance(node, h5py.Dataset):
        raise fail(node, "must be a dataset")
    with naming(node.file.filename, key):
        _check_dataset(node, max_bytes)
    return node


def _check_dataset(node: h5py.Dataset, max_bytes: int) -> None:
    if node.dtype.kind not in "biuf" or node.dtype.itemsize > 8:
        raise fail(node, f"holds {node.dtype}, but only booleans, integers and floats up to 64 bits are read")
    if node.shape is None:
        raise fail(node, "is empty")
    if node.is_virtual or node.external:
        raise fail(node, "is stored outside this file; copy the data into it")
    # in Python integers, which cannot overflow
    declared = math.prod(node.shape) * node.dtype.itemsize
    stored = node.id.get_storage_size()
    if node.chunks is None:
        if stored < declared:
            raise fail(node, f"declares {declared} bytes but holds {stored}; it was not written in full")
        return
    chunk_bytes = math.prod(node.chunks) * node.dtype.itemsize
    n_chunks = math.prod(-(-n // c) for n, c in zip(node.shape, node.chunks, strict=True))
    if declared and node.id.get_num_chunks() != n_chunks:
        written = node.id.get_num_chunks()
        raise fail(node, f"has {written} of {n_chunks} chunks; it was not written in full")
    if declared > _DEFLATE_LIMIT * stored:
        raise fail(node, f"declares {declared} bytes, which its {stored} stored bytes cannot hold")
    # HDF5 allocates whole chunks, however little of them is asked for or inside the dataset
    if chunk_bytes > max_bytes:
        raise fail(
            node, f"has chunks of {chunk_bytes} bytes, over the budget of {max_bytes}; raise max_bytes"
        )
    if chunk_bytes * n_chunks > _DEFLATE_LIMIT * stored:
        raise fail(node, f"has chunks of {chunk_bytes} bytes, which its {stored} stored bytes cannot hold")


def read_array(group: h5py.Group, key: str, *, max_bytes: int = READ_BUDGET) -> np.ndarray:
    """All of the dataset ``key``, in native byte order."""
    node = dataset(group, key, max_bytes=max_bytes)
    if node.size * node.dtype.itemsize > max_bytes:
        size = node.size * node.dtype.itemsize
        raise fail(node, f"takes {size} bytes, over the budget of {max_bytes}; raise max_bytes")
    with naming(node.file.filename, key):
        return native(node[()])


def native(array: Any) -> np.ndarray:
    """An array in the byte order of this machine, which torch requires."""
    array = np.asarray(array)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def has_attribute(node: h5py.HLObject, name: str) -> bool:
    """Whether ``node`` has the attribute ``name``."""
    with naming(node.file.filename, f"{node.name}@{name}"):
        return name in node.attrs


def attribute(node: h5py.HLObject, name: str) -> Any:
    """The attribute ``name``: str, numpy scalar, or array of numbers or str. Raises if missing, huge or neither."""
    if not has_attribute(node, name):
        raise fail(node, f"there is no attribute {name!r}")
    with naming(node.file.filename, f"{node.name}@{name}"):
        handle = node.attrs.get_id(name)
        text = h5py.check_string_dtype(handle.dtype) is not None
        if not text and handle.dtype.kind not in "biuf":
            raise fail(node, f"attribute {name!r} holds {handle.dtype}, neither text nor numbers")
        if math.prod(handle.shape or ()) > _ATTRIBUTE_LIMIT:
            raise fail(node, f"attribute {name!r} holds more than {_ATTRIBUTE_LIMIT} values")
        value = node.attrs[name]
        if isinstance(value, h5py.Empty):
            raise fail(node, f"attribute {name!r} is empty")
        return value


def strings(node: h5py.HLObject, name: str) -> list[str]:
    """The attribute ``name`` as a list of str; a single text is a list of one."""
    value = np.atleast_1d(attribute(node, name))
    if value.size == 0:
        return []
    texts = [v.decode() if isinstance(v, bytes) else v for v in value.tolist()]
    if not all(isinstance(text, str) for text in texts):
        raise fail(node, f"attribute {name!r} must be a list of names, not {value.dtype}")
    return texts
