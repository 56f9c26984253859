"""The files are compared with The Well's specification through h5py alone, not through the project's reader."""

import h5py
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pdes.grid import CONVENTIONS, Axis, Grid
from sciml.data import FieldFile, check_well, write_well

GRIDS = {
    1: Grid([Axis("x", 6, -1, 2, periodic=True)]),
    2: Grid([Axis("x", 6, periodic=True), Axis("y", 5, 0, 2, "vertices")]),
    3: Grid([Axis("x", 4), Axis("y", 5, 0, 2, "vertices"), Axis("z", 3, 0, 1, "centres")]),
}


@pytest.mark.parametrize("dim", GRIDS)
def test_layout_is_the_specification(tmp_path, dim):
    grid = GRIDS[dim]
    rng = np.random.default_rng(0)
    u = rng.normal(size=(3, 4, *grid.shape)).astype("f4")
    a = rng.normal(size=(3, *grid.shape))
    path = write_well(
        tmp_path / "f.h5", {"u": u, "a": a}, grid, times=[0, 1, 2, 4], name="test", parameters={"nu": 0.1}
    )
    assert path == tmp_path / "f.h5"
    with h5py.File(path) as f:
        assert set(f) == {
            "dimensions",
            "boundary_conditions",
            "scalars",
            "t0_fields",
            "t1_fields",
            "t2_fields",
        }
        assert f.attrs["dataset_name"] == "test"
        assert f.attrs["grid_type"] == "cartesian"
        assert f.attrs["n_spatial_dims"] == dim
        assert f.attrs["n_trajectories"] == 3
        assert list(f.attrs["simulation_parameters"]) == ["nu"]
        assert f.attrs["nu"] == f["scalars/nu"][()] == 0.1
        assert list(f["scalars"].attrs["field_names"]) == ["nu"]
        assert list(f["dimensions"].attrs["spatial_dims"]) == list(grid.names)
        np.testing.assert_array_equal(f["dimensions/time"], [0, 1, 2, 4])
        for axis in grid:
            node = f["dimensions"][axis.name]
            np.testing.assert_array_equal(node, axis.points())
            assert (node.attrs["lower"], node.attrs["upper"]) == (axis.lower, axis.upper)
            assert node.attrs["convention"] == axis.convention
            bc = f["boundary_conditions"][f"{axis.name}_{'periodic' if axis.periodic else 'wall'}"]
            assert bc.attrs["bc_type"] == ("periodic" if axis.periodic else "wall")
            assert list(bc.attrs["associated_dims"]) == [axis.name]
            assert list(bc.attrs["associated_fields"]) == []
            np.testing.assert_array_equal(np.flatnonzero(bc["mask"]), [0, axis.n - 1])
            assert bc["mask"].dtype == bool
        assert list(f["t0_fields"].attrs["field_names"]) == ["u", "a"]
        assert list(f["t1_fields"].attrs["field_names"]) == list(f["t2_fields"].attrs["field_names"]) == []
        for name, expected, time_varying in (("u", u, True), ("a", a, False)):
            node = f["t0_fields"][name]
            np.testing.assert_array_equal(node, expected)
            assert node.dtype == expected.dtype
            assert node.attrs["sample_varying"] is np.True_
            assert node.attrs["time_varying"] is np.bool_(time_varying)
            assert node.attrs["dim_varying"].dtype == bool
            assert node.attrs["dim_varying"].tolist() == [True] * dim
            assert node.compression == "gzip"
            assert node.chunks[0] == 1


def test_a_steady_field_is_one_time_step(tmp_path):
    a = torch.arange(30.0).reshape(1, 6, 5)
    path = write_well(tmp_path / "f.h5", {"a": a, "b": a[:, None] > 3}, GRIDS[2], name="t")
    with h5py.File(path) as f:
        assert f["t0_fields/a"].shape == f["t0_fields/b"].shape == (1, 1, 6, 5)
        assert f["t0_fields/a"].attrs["time_varying"]
        assert f["t0_fields/b"].dtype == np.float32
        assert f["dimensions/time"][()] == [0.0]


axes = st.builds(
    lambda n, lower, length, convention, periodic: {
        "n": n,
        "lower": lower,
        "upper": lower + length,
        "convention": convention,
        "periodic": periodic and convention != "vertices",
    },
    st.integers(2, 5),
    st.floats(-100, 100),
    st.floats(1e-2, 100),
    st.sampled_from(CONVENTIONS),
    st.booleans(),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    spec=st.lists(axes, min_size=1, max_size=3),
    n=st.integers(1, 3),
    n_times=st.integers(1, 3),
)
def test_round_trip_is_exact(tmp_path, data, spec, n, n_times):
    grid = Grid(Axis(name, **axis) for name, axis in zip("xyz", spec, strict=False))
    times = np.cumsum(data.draw(st.lists(st.floats(1e-3, 10), min_size=n_times, max_size=n_times)))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    finite = {"allow_nan": False, "allow_infinity": False, "width": 8 * np.dtype(dtype).itemsize}
    u = data.draw(hnp.arrays(dtype, (n, n_times, *grid.shape), elements=st.floats(**finite)))
    path = write_well(
        tmp_path / "f.h5",
        {"u": u, "a": u[:, 0]},
        grid,
        times=times,
        name="t",
        parameters={"k": 1 / 3},
        overwrite=True,
    )
    assert check_well(path) == []
    with FieldFile(path) as file:
        assert file.grid == grid
        assert file.n_samples == n
        assert file.parameters == {"k": 1 / 3}
        assert file.boundary == {axis.name: "periodic" if axis.periodic else "wall" for axis in grid}
        np.testing.assert_array_equal(file.times, times)
        read = file.read("u")
        assert read.dtype == dtype
        assert read.tobytes() == u.tobytes()
        np.testing.assert_array_equal(file.read("a", time=n_times - 1), u[:, 0])


def test_overwrite_is_asked_for(tmp_path):
    path = tmp_path / "f.h5"
    write_well(path, {"a": np.zeros((2, 6))}, GRIDS[1], name="old")
    with pytest.raises(ValueError, match=r"f\.h5: already exists"):
        write_well(path, {"a": np.zeros((2, 6))}, GRIDS[1], name="new")
    assert FieldFile(path).name == "old"
    write_well(path, {"a": np.zeros((2, 6))}, GRIDS[1], name="new", overwrite=True)
    assert FieldFile(path).name == "new"


def test_nothing_is_left_behind_by_a_refused_write(tmp_path):
    with pytest.raises(ValueError, match="'a' holds 1 NaN or inf values of 12"):
        write_well(tmp_path / "f.h5", {"a": np.array([[np.nan] + [0] * 5, [0.0] * 6])}, GRIDS[1], name="t")
    assert list(tmp_path.iterdir()) == []


def test_nonfinite_values_are_written_when_asked_for(tmp_path):
    values = np.array([[np.nan, np.inf, 1, 2, 3, 4]])
    path = write_well(tmp_path / "f.h5", {"a": values}, GRIDS[1], name="t", allow_nonfinite=True)
    np.testing.assert_array_equal(FieldFile(path).read("a")[:, 0], values)


def test_bfloat16_and_integers_are_stored_exactly(tmp_path):
    values = torch.tensor([[1, 2, 3, 4, 5, 6]])
    fields = {"i": values, "h": values.to(torch.bfloat16)}
    path = write_well(tmp_path / "f.h5", fields, GRIDS[1], name="t")
    for name in fields:
        np.testing.assert_array_equal(FieldFile(path).read(name, time=0), values)


ZERO = np.zeros((2, 6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fields": {}}, "no fields"),
        ({"fields": {"a": np.zeros((2, 7))}}, r"'a' has shape \(2, 7\)"),
        ({"fields": {"a": ZERO, "b": np.zeros((3, 6))}}, r"'b' has shape \(3, 6\)"),
        ({"fields": {"a": np.zeros((0, 6))}}, r"'a' has shape \(0, 6\)"),
        ({"fields": {"a": np.zeros((2, 3, 6))}}, "pass the times"),
        ({"fields": {"a/b": ZERO}}, "'a/b' must not"),
        ({"fields": {"a[0]": ZERO}}, "must not"),
        ({"fields": {"": ZERO}}, "must not"),
        ({"fields": {"a": ZERO * 1j}}, "complex128"),
        ({"fields": {"a": np.full((2, 6), 2**24 + 1)}}, "float32 cannot represent"),
        ({"times": [0, 0]}, "increasing"),
        ({"times": [0, np.nan]}, "finite"),
        ({"times": []}, "times must be"),
        ({"boundary": {"y": "wall"}}, r"names \['y'\], but the axes are x"),
        ({"boundary": {"x": "wall"}}, "periodic=True"),
        ({"boundary": {"x": "dirichlet"}}, "not one of periodic, wall, open"),
        ({"parameters": {"nu": np.nan}}, "'nu' is nan"),
        ({"parameters": {"grid_type": 1.0}}, "'grid_type' would overwrite"),
        ({"grid": Grid([Axis("time", 6)])}, "'time'"),
    ],
)
def test_errors(tmp_path, change, message):
    arguments = {"fields": {"a": ZERO}, "grid": GRIDS[1], "name": "t", **change}
    with pytest.raises(ValueError, match=message):
        write_well(tmp_path / "f.h5", **arguments)
    assert list(tmp_path.iterdir()) == []
