import h5py
import numpy as np
import pytest

from pdes.grid import Axis, Grid
from sciml.data import summarize, write_well

AXES = [Axis("x", 6, -1, 2, periodic=True), Axis("y", 5, 0, 2, "vertices"), Axis("z", 4, 0, 1, "centres")]


def row(text, name):
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [name])


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_figures(tmp_path, dim):
    grid = Grid(AXES[:dim])
    u = np.random.default_rng(0).normal(size=(4, 3, *grid.shape)).astype("f4")
    fields = {"u": u, "a": u[:, 0]}
    path = write_well(tmp_path / "f.h5", fields, grid, times=[0, 0.5, 2], name="set", parameters={"nu": 0.25})
    text = summarize(path)
    assert text.startswith(f"{path}: set\n")
    assert row(text, "samples") == ["samples", "4"]
    assert row(text, "times") == ["times", "3,", "from", "0", "to", "2"]
    assert "nu = 0.25" in text
    assert row(text, "x") == ["x", "6", "-1", "2", "half-open", "periodic"]
    if dim > 1:
        assert row(text, "y") == ["y", "5", "0", "2", "vertices", "wall"]
    name, shape, dtype, *figures = row(text, "u")
    assert (name, shape, dtype) == ("u", "x".join(map(str, u.shape)), "float32")
    expected = u.min(), u.mean(dtype=float), u.max(), u.std(dtype=float), 0
    np.testing.assert_allclose([float(f) for f in figures], expected, rtol=1e-3)
    assert row(text, "a")[-1] == "time"


def test_nan_and_non_uniform_axes_are_shown(tmp_path):
    values = np.array([[np.nan] + [1.0] * 5])
    grid = Grid(AXES[:1])
    path = write_well(tmp_path / "f.h5", {"u": values}, grid, name="t", allow_nonfinite=True)
    with h5py.File(path, "r+") as f:
        f["dimensions/x"][...] = [0, 1, 2, 3, 4, 9]
        del f["dimensions/x"].attrs["convention"]
    text = summarize(path)
    assert row(text, "u")[3:] == ["nan", "nan", "nan", "nan", "1"]
    assert "not uniform" in text


def test_unreadable(tmp_path):
    with pytest.raises(FileNotFoundError):
        summarize(tmp_path / "absent")
    (tmp_path / "f.h5").write_bytes(b"")
    with pytest.raises(ValueError, match=r"f\.h5: is not an HDF5 file"):
        summarize(tmp_path / "f.h5")
