import h5py
import numpy as np
import pytest

from pdes.grid import Axis, Grid
from sciml.data import check_well, write_well

GRID = Grid([Axis("x", 6, -1, 2, periodic=True), Axis("y", 5, 0, 2, "vertices")])


@pytest.fixture
def path(tmp_path):
    u = np.random.default_rng(0).normal(size=(4, 3, *GRID.shape))
    fields = {"u": u, "a": u[:, 0]}
    return write_well(tmp_path / "f.h5", fields, GRID, times=[0, 1, 2], name="t", parameters={"nu": 1.0})


def remove(node, name):
    return lambda f: f[node].attrs.__delitem__(name)


def state(node, name, value):
    return lambda f: f[node].attrs.__setitem__(name, value)


def poison(f):
    f["t0_fields/u"][1, 2, 3, :2] = np.nan, np.inf


def shrink(key):
    def change(f):
        attributes, data = dict(f[key].attrs), f[key][:-1]
        del f[key]
        f.create_dataset(key, data=data).attrs.update(attributes)

    return change


CASES = {
    "no name": (remove("/", "dataset_name"), "f.h5: there is no attribute 'dataset_name'"),
    "dims not a number": (state("/", "n_spatial_dims", "2"), "'n_spatial_dims' must be an integer"),
    "dims disagree": (state("/", "n_spatial_dims", 3), "lists 2 axes, but n_spatial_dims is 3"),
    "samples disagree": (
        state("/", "n_trajectories", 5),
        "t0_fields/u: has shape (4, 3, 6, 5), expected (5, 3, 6, 5)",
    ),
    "parameter missing": (remove("/", "nu"), "no attribute 'nu'"),
    "parameter not a scalar": (state("scalars", "field_names", ["k"]), "'nu' is not among the field_names"),
    "time varies": (remove("dimensions/time", "sample_varying"), "dimensions/time: there is no attribute"),
    "flag is a number": (
        state("dimensions/x", "time_varying", 0),
        "dimensions/x: attribute 'time_varying' must be a boo",
    ),
    "axis one short": (shrink("dimensions/x"), "t0_fields/u: has shape"),
    "time one short": (shrink("dimensions/time"), "expected (4, 2, 6, 5)"),
    "group missing": (lambda f: f.__delitem__("t2_fields"), "there is no 't2_fields'"),
    "scalars missing": (lambda f: f.__delitem__("scalars"), "there is no 'scalars'"),
    "field missing": (lambda f: f.__delitem__("t0_fields/a"), "t0_fields: there is no 'a'; it holds u"),
    "field undescribed": (
        remove("t0_fields/a", "dim_varying"),
        "t0_fields/a: there is no attribute 'dim_varying'",
    ),
    "one flag for two axes": (state("t0_fields/a", "dim_varying", [True]), "has 1 entries for 2 axes"),
    "mask one short": (shrink("boundary_conditions/y_wall/mask"), "mask: has shape (4,), expected (5,)"),
    "unknown boundary": (
        state("boundary_conditions/y_wall", "bc_type", "slip"),
        "y_wall: attribute 'bc_type'",
    ),
    "one text": (state("boundary_conditions/y_wall", "associated_dims", "y"), "must be a list of names"),
    "unknown axis": (
        state("boundary_conditions/y_wall", "associated_dims", ["z"]),
        "['z'] are not all among",
    ),
    "non-finite": (poison, "t0_fields/u: holds 2 NaN or inf values"),
    "time stands still": (
        lambda f: f["dimensions/time"].write_direct(np.zeros(3)),
        "dimensions/time: does not increase",
    ),
    "grid contradicts": (
        state("dimensions/x", "convention", "centres"),
        "coordinates are not those of a centres axis",
    ),
}


def test_a_file_as_written_is_valid(path):
    assert check_well(path) == []


@pytest.mark.parametrize("case", CASES)
def test_problems_are_named(path, case):
    change, message = CASES[case]
    with h5py.File(path, "r+") as f:
        change(f)
    problems = check_well(path)
    assert any(message in problem for problem in problems), problems
    assert all(problem.startswith(str(path)) for problem in problems)
    assert len(set(problems)) == len(problems)


def test_several_problems_are_all_reported(path):
    with h5py.File(path, "r+") as f:
        del (
            f["t0_fields/u"].attrs["dim_varying"],
            f["t0_fields/a"].attrs["time_varying"],
            f.attrs["grid_type"],
        )
    assert len(check_well(path)) == 3


def test_unreadable(path):
    path.write_bytes(path.read_bytes()[:-100])
    (problem,) = check_well(path)
    assert problem.startswith(f"{path}: ")
    with pytest.raises(FileNotFoundError, match="absent"):
        check_well(path.with_name("absent"))
