import struct

import h5py
import numpy as np
import pytest

from sciml.data.heap import check_heaps


@pytest.fixture(params=[("earliest", "v108"), ("v110", "v110")], ids=lambda libver: libver[0])
def path(tmp_path, request):
    with h5py.File(tmp_path / "f.h5", "w", libver=request.param) as f:
        f.attrs["names"] = ["some", "texts of", "several lengths"]
        f["data"] = np.zeros(1000)
        f["data"].attrs["late"] = ["x" * 5000, "y"]
    return tmp_path / "f.h5"


def heaps(contents):
    start = contents.find(b"GCOL")
    while start >= 0:
        yield start
        start = contents.find(b"GCOL", start + 1)


def test_heaps_as_the_library_writes_them_are_sound(path):
    assert len(list(heaps(path.read_bytes()))) == 2
    check_heaps(path)


def test_signature_inside_data_is_not_a_heap(path):
    path.write_bytes(path.read_bytes() + b"GCOLumn" * 100)
    check_heaps(path)


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (8, struct.pack("<Q", 2**40)),  # a heap longer than the file
        (8, struct.pack("<Q", 8)),  # and one shorter than its own header
        (16, struct.pack("<H6xQ", 0, 0)),  # free space of size zero, on which the library loops for ever
        (24, struct.pack("<Q", 2**40)),  # an object that leaves the heap
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_damage_is_named(path, which, offset, value):
    contents = bytearray(path.read_bytes())
    start = list(heaps(contents))[which]
    contents[start + offset : start + offset + len(value)] = value
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=f"heap at byte {start} is damaged"):
        check_heaps(path)
