import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pdes.grid import Axis, Grid
from sciml.data import DataFileError, FieldDataset, write_well

AXES = [Axis("x", 6, periodic=True), Axis("y", 5, 0, 2, "vertices"), Axis("z", 4, 0, 1, "centres")]


def make(folder, dim=2, n=8, **options):
    grid = Grid(AXES[:dim])
    rng = np.random.default_rng(dim)
    fields = {"a": rng.normal(size=(n, *grid.shape)), "u": rng.normal(size=(n, 3, *grid.shape))}
    return write_well(folder / "f.h5", fields, grid, times=[0, 1, 2], name="t", **options), fields, grid


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_items_and_load_are_the_selected_fields(tmp_path, dim):
    path, fields, grid = make(tmp_path, dim)
    data = FieldDataset(path, ["a", "u[0]"], ["u[-1]"], dtype=torch.float64)
    assert (len(data), data.in_channels, data.out_channels, data.grid) == (8, 2, 1, grid)
    X, Y = data.load()
    np.testing.assert_array_equal(X, np.stack([fields["a"], fields["u"][:, 0]], axis=1))
    np.testing.assert_array_equal(Y, fields["u"][:, -1:])
    for i in range(8):
        x, y = data[i]
        assert torch.equal(x, X[i])
        assert torch.equal(y, Y[i])


def test_indices_choose_and_order_samples(tmp_path):
    path, _, _ = make(tmp_path)
    X, _ = FieldDataset(path, ["a"], ["u[0]"]).load()
    order = torch.tensor([5, 0, 3])
    part = FieldDataset(path, ["a"], ["u[0]"], indices=order)
    assert len(part) == 3
    assert torch.equal(part.load()[0], X[order])
    assert torch.equal(part[0][0], X[5])
    with pytest.raises(IndexError):
        part[3]


def test_dtype_is_float_whatever_the_file_holds(tmp_path):
    mask = np.arange(12).reshape(2, 6) % 2 == 0
    path = write_well(tmp_path / "f.h5", {"a": mask, "u": mask}, Grid(AXES[:1]), name="t")
    with h5py.File(path, "r+") as f:  # as files of others hold them
        for name, dtype in (("a", bool), ("u", "i2")):
            attributes = dict(f["t0_fields"][name].attrs)
            del f["t0_fields"][name]
            f["t0_fields"].create_dataset(name, data=mask[:, None].astype(dtype)).attrs.update(attributes)
    X, Y = FieldDataset(path, ["a"], ["u"]).load()
    assert X.dtype == Y.dtype == torch.float32
    np.testing.assert_array_equal(X[:, 0], mask)
    np.testing.assert_array_equal(Y[:, 0], mask)
    with pytest.raises(ValueError, match="floating-point"):
        FieldDataset(path, ["a"], ["u"], dtype=torch.int32)


def test_vector_fields_are_several_channels(tmp_path):
    path, _, grid = make(tmp_path)
    t = np.random.default_rng(0).normal(size=(8, 3, *grid.shape, 2, 2))
    with h5py.File(path, "r+") as f:
        for order, values in ((1, t[..., 0]), (2, t)):
            node = f[f"t{order}_fields"].create_dataset(f"v{order}", data=values)
            node.attrs.update(dict(f["t0_fields/u"].attrs))
            f[f"t{order}_fields"].attrs["field_names"] = [f"v{order}"]
    data = FieldDataset(path, ["v1[1]", "a"], ["v2[0]"], dtype=torch.float64)
    assert (data.in_channels, data.out_channels) == (3, 4)
    X, Y = data.load()
    np.testing.assert_array_equal(X[:, 1], t[:, 1, ..., 1, 0])
    np.testing.assert_array_equal(Y[:, 2], t[:, 0, ..., 1, 0])


@pytest.mark.parametrize(("method", "workers"), [("fork", 2), ("spawn", 1)])
def test_loading_workers(tmp_path, method, workers):
    path, _, _ = make(tmp_path)
    data = FieldDataset(path, ["a"], ["u[0]"])
    X, Y = data.load()  # so that the file is open here when the workers start
    loader = DataLoader(data, batch_size=3, num_workers=workers, multiprocessing_context=method)
    batches = list(loader)
    assert torch.equal(torch.cat([x for x, _ in batches]), X)
    assert torch.equal(torch.cat([y for _, y in batches]), Y)


def test_nonfinite_values_are_counted_and_refused(tmp_path):
    values = np.ones((4, 6))
    values[2, :3] = np.nan, np.inf, 1e300  # the last overflows float32
    grid = Grid(AXES[:1])
    path = write_well(
        tmp_path / "f.h5", {"a": values, "u": np.ones((4, 6))}, grid, name="t", allow_nonfinite=True
    )
    data = FieldDataset(path, ["u"], ["a"])
    data[0]
    for read in (data.load, lambda: data[2]):
        with pytest.raises(DataFileError, match=r"f\.h5: field 'a' holds 3 NaN or inf values"):
            read()
    kept = FieldDataset(path, ["u"], ["a"], allow_nonfinite=True, dtype=torch.float64).load()[1]
    np.testing.assert_array_equal(kept[:, 0], values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": ["b"]}, r"f\.h5: there is no field 'b'; it holds a, u"),
        ({"inputs": ["u"]}, r"f\.h5: field 'u' has 3 time steps; write 'u\[0\]'"),
        ({"targets": ["u[3]"]}, r"f\.h5: 'u\[3\]' is outside the 3"),
        ({"targets": ["a[1]"]}, r"f\.h5: 'a\[1\]' is outside the 1"),
        ({"inputs": "a"}, "inputs must be a list"),
        ({"targets": []}, "targets must be a list"),
        ({"indices": [8]}, r"f\.h5: indices run from 8 to 8, but it holds 8"),
        ({"indices": []}, "list of sample numbers"),
    ],
)
def test_errors(tmp_path, arguments, message):
    path, _, _ = make(tmp_path)
    with pytest.raises(ValueError, match=message):
        FieldDataset(path, **{"inputs": ["a"], "targets": ["u[0]"], **arguments})


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        FieldDataset(tmp_path / "absent.h5", ["a"], ["u"])
