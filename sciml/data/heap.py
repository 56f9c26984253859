"""Checking an HDF5 file's global heaps, which hold its texts of variable length.

HDF5 reads a heap without checksum or check of its own, and never returns from one in which an object has
been damaged to size zero (HDFGroup/hdf5 issue 1707). So the heaps are walked here first.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path

SCANNED_BYTES = 64 * 2**20
"""How much of each end of a file is searched. Texts are small and written first or last, data fill the middle."""

_HEADER = b"GCOL\x01\x00\x00\x00"  # signature, version 1, reserved


def check_heaps(path: str | os.PathLike[str]) -> None:
    """Raise ValueError if a global heap of the file is damaged (file format specification, III.E)."""
    with Path(path).open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start in _find(data):
            if not _is_sound(data, start):
                raise ValueError(f"the text heap at byte {start} is damaged")


def _find(data: mmap.mmap) -> Iterator[int]:
    """Where heaps begin in the first and the last `SCANNED_BYTES`."""
    tail = max(0, len(data) - SCANNED_BYTES)
    for first, last in ((0, min(SCANNED_BYTES, tail)), (tail, len(data))):
        start = data.find(_HEADER, first, last + len(_HEADER) - 1)
        while start >= 0:
            yield start
            start = data.find(_HEADER, start + 1, last + len(_HEADER) - 1)


def _is_sound(data: mmap.mmap, start: int) -> bool:
    """Whether the objects of a heap fill it exactly."""
    if start + 16 > len(data):
        return False
    end = start + struct.unpack_from("<Q", data, start + 8)[0]
    position = start + 16
    if not position <= end <= len(data):
        return False
    while end - position >= 16:
        index, size = struct.unpack_from("<H6xQ", data, position)
        # object 0 is the free space, whose size counts its own header and ends the heap
        if index == 0:
            return position + size == end
        position += 16 + (size + 7) // 8 * 8
    return position <= end
