import os
import pickle
import random

import h5py
import numpy as np
import pytest

from pdes.grid import Axis, Grid
from sciml.data import DataFileError, FieldFile, check_well, write_well

GRID = Grid([Axis("x", 6, -1, 2, periodic=True), Axis("y", 5, 0, 2, "vertices")])
U = np.random.default_rng(0).normal(size=(7, 3, 6, 5)).astype("f4")


@pytest.fixture
def path(tmp_path):
    return write_well(
        tmp_path / "f.h5", {"u": U, "a": U[:, 0]}, GRID, times=[0, 1, 2], name="t", parameters={"k": 2}
    )


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


@pytest.mark.parametrize(
    "samples",
    [
        slice(None),
        slice(1, 6, 2),
        slice(None, None, -1),
        slice(5, 2),
        3,
        -1,
        np.int64(2),
        [4, 1, 1, 6],
        np.array([-1, 0]),
        np.arange(7) % 3 == 0,
        np.array([], dtype=int),
    ],
    ids=str,
)
@pytest.mark.parametrize("time", [slice(None), slice(None, None, -1), slice(1, 3), 0, -1], ids=str)
def test_read_indexes_as_numpy_does(path, samples, time):
    file = FieldFile(path)
    np.testing.assert_array_equal(file.read("u", samples, time), U[samples][..., time, :, :])
    steady = np.broadcast_to(U[:, :1], U.shape)
    np.testing.assert_array_equal(file.read("a", samples, time), steady[samples][..., time, :, :])


def test_what_does_not_vary_is_repeated(path):
    def change(f):
        node = f["t0_fields"].create_dataset("f", data=np.arange(5.0))
        node.attrs["sample_varying"] = node.attrs["time_varying"] = False
        node.attrs["dim_varying"] = [False, True]
        f["t0_fields"].attrs["field_names"] = ["u", "a", "f"]

    field = FieldFile(edit(path, change)).read("f")
    np.testing.assert_array_equal(field, np.broadcast_to(np.arange(5.0), U.shape))
    field[0] = 1  # and is the caller's own


def test_vectors_and_big_endian_numbers(path):
    v = np.arange(7 * 3 * 6 * 5 * 2, dtype=">f4").reshape(7, 3, 6, 5, 2)

    def change(f):
        node = f["t1_fields"].create_dataset("v", data=v)
        node.attrs["sample_varying"] = node.attrs["time_varying"] = True
        node.attrs["dim_varying"] = [True, True]
        f["t1_fields"].attrs["field_names"] = ["v"]

    file = FieldFile(edit(path, change))
    assert file.field_names == ("u", "a", "v")
    assert file.read("v").dtype.isnative
    np.testing.assert_array_equal(file.read("v", 2), v[2])


def test_grid_is_inferred_where_the_file_does_not_state_it(path):
    def change(f):
        for axis in "xy":
            for name in ("lower", "upper", "convention"):
                del f["dimensions"][axis].attrs[name]
        f["boundary_conditions/x_periodic"].attrs["bc_type"] = "PERIODIC"

    assert FieldFile(edit(path, change)).grid == GRID


def test_grid_that_contradicts_its_coordinates(path):
    def change(f):
        f["dimensions/y"].attrs["upper"] = 2.5

    with pytest.raises(DataFileError, match="dimensions/y: coordinates are not those"):
        _ = FieldFile(edit(path, change)).grid


def test_non_uniform_axis_names_the_file(path):
    def change(f):
        f["dimensions/y"][...] = [0, 1, 3, 4, 9]
        del f["dimensions/y"].attrs["convention"]

    with pytest.raises(DataFileError, match=r"f\.h5: dimensions/y: .* not uniform"):
        _ = FieldFile(edit(path, change)).grid


def test_pickles_and_reopens(path):
    with FieldFile(path) as file:
        file.read("u", 0)
        copy = pickle.loads(pickle.dumps(file))
    np.testing.assert_array_equal(copy.read("u"), U)
    np.testing.assert_array_equal(file.read("u"), U)


def test_a_forked_process_opens_the_file_for_itself(path):
    file = FieldFile(path)
    file.read("u", 0)
    child = os.fork()
    if child == 0:  # the child reports by its exit status alone
        status = 1
        try:
            before = file._handle
            status = 0 if np.array_equal(file.read("u"), U) and file._handle is not before else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_array_equal(file.read("u"), U)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda f: f.read("v"), "no field 'v'; it holds u, a"),
        (lambda f: f.read("u", 7), "sample 7 is outside the 7"),
        (lambda f: f.read("u", [0, -8]), "sample -8 is outside"),
        (lambda f: f.read("u", 0, 3), "time step 3 is outside the 3"),
        (lambda f: f.read("u", [0.5]), "whole numbers"),
        (lambda f: f.read("u", np.ones(3, dtype=bool)), "mask of shape"),
    ],
)
def test_bad_reads_name_the_file(path, read, message):
    with pytest.raises(DataFileError, match=r"f\.h5: .*" + message):
        read(FieldFile(path))


def test_memory_budget(path):
    file = FieldFile(path, max_bytes=U[:3].nbytes)
    assert len(file.read("u", slice(3))) == 3
    with pytest.raises(DataFileError, match="over max_bytes"):
        file.read("u")


def test_not_a_data_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        FieldFile(tmp_path / "absent")
    with pytest.raises(DataFileError, match="is not a file"):
        _ = FieldFile(tmp_path).layout
    text = tmp_path / "text.h5"
    text.write_text("no")
    with pytest.raises(DataFileError, match=r"text\.h5: is not an HDF5 file"):
        _ = FieldFile(text).layout
    with h5py.File(tmp_path / "other.h5", "w") as f:
        f["tensor"] = f["nu"] = [1.0]
    with pytest.raises(DataFileError, match=r"not in The Well's schema.*it holds nu, tensor"):
        _ = FieldFile(tmp_path / "other.h5").layout


def replace(make):
    """Put something else in the place of t0_fields/u."""

    def change(f):
        attributes = dict(f["t0_fields/u"].attrs)
        del f["t0_fields/u"]
        make(f["t0_fields"])
        node = f["t0_fields"].get("u", getlink=True)
        if isinstance(node, h5py.HardLink):
            f["t0_fields/u"].attrs.update(attributes)

    return change


def external_storage(group):
    group.create_dataset("u", U.shape, "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def virtual(group):
    layout = h5py.VirtualLayout(U.shape, "f4")
    layout[...] = h5py.VirtualSource("other.h5", "u", U.shape)
    group.create_virtual_dataset("u", layout)


def bomb(group):
    group.create_dataset(
        "u", (7, 3, 6, 5), "f4", chunks=(700, 300, 600, 500), maxshape=(None,) * 4, compression="gzip"
    )
    group["u"].id.write_direct_chunk((0, 0, 0, 0), b"\0" * 100)


STRANGERS = {
    "soft link": (lambda g: g.__setitem__("u", h5py.SoftLink("/t0_fields/a")), "link to another place"),
    "external link": (lambda g: g.__setitem__("u", h5py.ExternalLink("o.h5", "/u")), "link to another place"),
    "external storage": (external_storage, "stored outside this file"),
    "virtual": (virtual, "stored outside this file"),
    "objects": (
        lambda g: g.create_dataset("u", (7,), h5py.string_dtype()),
        "only booleans, integers and floats",
    ),
    "references": (
        lambda g: g.create_dataset("u", (7,), h5py.ref_dtype),
        "only booleans, integers and floats",
    ),
    "compound": (lambda g: g.create_dataset("u", (7,), [("a", "f4")]), "only booleans, integers and floats"),
    "no data": (lambda g: g.create_dataset("u", data=h5py.Empty("f4")), "is empty"),
    "group": (lambda g: g.create_group("u"), "must be a dataset"),
    "never written": (lambda g: g.create_dataset("u", (10**6,) * 3, "f4"), "not written in full"),
    "chunks missing": (
        lambda g: g.create_dataset("u", (10**6,) * 3, "f4", chunks=(1000,) * 3),
        "not written in full",
    ),
    "chunk bomb": (bomb, "over the budget|cannot hold"),
    "missing": (lambda _: None, "there is no 'u'; it holds a"),
    "wrong shape": (
        lambda g: g.create_dataset("u", data=U[:3]),
        r"has shape \(3, 3, 6, 5\), expected \(7, 3, 6, 5\)",
    ),
}


@pytest.mark.parametrize("case", STRANGERS)
def test_a_file_from_a_stranger_is_refused_before_reading(path, case):
    make, message = STRANGERS[case]
    edit(path, replace(make))
    with pytest.raises(DataFileError, match=r"f\.h5: .*" + message):
        FieldFile(path).read("u")
    assert check_well(path)


def test_links_to_groups_and_axes_are_refused(path):
    def change(f):
        f.move("dimensions", "d")
        f["dimensions"] = h5py.SoftLink("/d")

    with pytest.raises(DataFileError, match="'dimensions' is a link"):
        _ = FieldFile(edit(path, change)).layout


def test_a_heap_that_would_hang_the_library_is_refused(path):
    contents = bytearray(path.read_bytes())
    heap = contents.index(b"GCOL")
    contents[heap + 16 : heap + 32] = bytes(16)
    path.write_bytes(contents)
    with pytest.raises(DataFileError, match=r"f\.h5: .*heap .* damaged"):
        _ = FieldFile(path).layout


def everything(path):
    with FieldFile(path) as f:
        values = {name: f.read(name).tobytes() for name in f.field_names}
        return f.grid, f.times.tobytes(), values, f.parameters, f.boundary


def test_damage_is_one_error_that_names_the_file_and_never_a_wrong_read(path):
    intact, contents = everything(path), path.read_bytes()
    rng = random.Random(0)
    messages = []
    for _ in range(100):
        damaged = bytearray(contents)
        if rng.random() < 0.2:
            del damaged[rng.randrange(len(damaged)) :]
        else:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            assert everything(path) == intact
        except DataFileError as error:
            messages.append(str(error))
            problems = check_well(path)
            assert problems
            assert all(problem.startswith(str(path)) for problem in problems)
    assert len(messages) > 50
    assert all(message.startswith(str(path)) and "\n" not in message for message in messages)
