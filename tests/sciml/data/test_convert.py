import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pdes.grid import Axis, Grid
from sciml.data import DataFileError, FieldDataset, FieldFile, check_well, convert


def generator():
    return torch.Generator().manual_seed(0)


def save(path, *grid, **change):
    content = {
        "x": torch.rand(3, *grid, generator=generator()) > 0.5,
        "y": torch.rand(3, *grid, generator=generator()),
    }
    torch.save({**content, **change}, path)
    return path, content


@pytest.mark.parametrize("grid", [(5,), (5, 6), (1, 5, 6), (4, 5, 6)])
@pytest.mark.parametrize("convention", ["half-open", "vertices", "centres"])
def test_tensors_become_fields(tmp_path, grid, convention):
    src, content = save(tmp_path / "data.h5", *grid)  # whatever it is called
    dst = convert(src, tmp_path / "out.h5", rename={"x": "a", "y": "u"}, grid=convention, domain=(-1, 2))
    assert check_well(dst) == []
    shape = tuple(n for n in grid if n > 1)
    file = FieldFile(dst)
    assert file.grid == Grid(Axis(name, n, -1, 2, convention) for name, n in zip("xyz", shape, strict=False))
    assert file.read("a").dtype == file.read("u").dtype == np.float32
    X, Y = FieldDataset(dst, ["a"], ["u"]).load()
    assert torch.equal(X, content["x"].reshape(3, 1, *shape).float())
    assert torch.equal(Y, content["y"].reshape(3, 1, *shape))


def test_periodic_axes(tmp_path):
    src, _ = save(tmp_path / "data.pt", 5)
    assert FieldFile(convert(src, tmp_path / "out.h5", grid="half-open", periodic=True)).grid["x"].periodic


@pytest.mark.parametrize("name", ["darcy_test_16", "darcy_test_32", "darcy_train_16"])
def test_real_darcy_data(tmp_path, darcy_small, name):
    dst = convert(
        darcy_small / f"{name}.pt", tmp_path / "out.h5", rename={"x": "a", "y": "u"}, grid="half-open"
    )
    assert check_well(dst) == []
    content = torch.load(darcy_small / f"{name}.pt", weights_only=True)
    X, Y = FieldDataset(dst, ["a"], ["u"]).load()
    assert torch.equal(X[:, 0], content["x"].float())
    assert torch.equal(Y[:, 0], content["y"])
    assert FieldFile(dst).grid.shape == content["y"].shape[1:]


@pytest.mark.parametrize("grid", [(5,), (4, 6), (3, 4, 5)])
def test_walls_make_vertices_of_half_open_points(tmp_path, grid):
    src, content = save(tmp_path / "data.pt", *grid)
    dst = convert(src, tmp_path / "out.h5", grid="half-open", walls={"y": 2.0})
    assert check_well(dst) == []
    file = FieldFile(dst)
    assert [(axis.n, axis.convention) for axis in file.grid] == [(n + 1, "vertices") for n in grid]
    X, Y = (v[:, 0] for v in FieldDataset(dst, ["x"], ["y"]).load())
    inside = (..., *[slice(None, -1)] * len(grid))
    assert torch.equal(X[inside], content["x"].float())
    assert torch.equal(Y[inside], content["y"])
    for dim in range(1, len(grid) + 1):
        assert (Y.select(dim, -1) == 2).all()
        assert torch.equal(X.select(dim, -1), X.select(dim, -2))


def test_wrong_walls(tmp_path):
    src, _ = save(tmp_path / "data.pt", 5)
    for options in ({"grid": "centres"}, {"grid": "half-open", "periodic": True}):
        with pytest.raises(ValueError, match="only half-open points that are not periodic lack walls"):
            convert(src, tmp_path / "out.h5", walls={"y": 0.0}, **options)
    with pytest.raises(ValueError, match="holds x, y; there is no u to have values on walls"):
        convert(src, tmp_path / "out.h5", grid="half-open", walls={"u": 0.0})


class Payload:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": torch.ones(3, 4, 7)}, "on one grid"),
        ({"y": torch.ones(3, 2, 2, 2, 2)}, r"y: has shape \(3, 2, 2, 2, 2\)"),
        ({"y": torch.ones(3)}, "y: has shape"),
        ({"y": torch.ones(1).expand(3, 10**9)}, "y: declares shape"),
        ({"y": "text"}, "y: is a str"),
        ({"y": torch.ones(3, 4, 5) * 1j}, "complex64"),
        ({"y": torch.ones(3, 4, 5).to_sparse()}, "sparse"),
        ({"y": torch.full((3, 4, 5), torch.nan)}, "'y' holds 60 NaN"),
        ({"y": Payload()}, "cannot? be loaded safely|loaded safely"),
    ],
)
def test_contents_that_are_refused(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    src, _ = save(tmp_path / "data.pt", 4, 5, **change)
    with pytest.raises(ValueError, match=message):
        convert(src, tmp_path / "out.h5", grid="half-open")
    assert list(tmp_path.iterdir()) == [src]


def test_the_grid_must_be_told(tmp_path):
    src, _ = save(tmp_path / "data.pt", 4, 5)
    with pytest.raises(ValueError, match=r"data\.pt: .*half-open, vertices, centres"):
        convert(src, tmp_path / "out.h5")
    with pytest.raises(ValueError, match="unknown grid convention"):
        convert(src, tmp_path / "out.h5", grid="cells")


def test_renaming_errors(tmp_path):
    src, _ = save(tmp_path / "data.pt", 4, 5)
    with pytest.raises(ValueError, match="holds x, y, so z cannot be renamed"):
        convert(src, tmp_path / "out.h5", grid="half-open", rename={"z": "a"})
    with pytest.raises(ValueError, match="one name"):
        convert(src, tmp_path / "out.h5", grid="half-open", rename={"x": "y"})


def test_files_that_are_not_torch(tmp_path):
    src, _ = save(tmp_path / "data.pt", 4, 5)
    hdf5 = convert(src, tmp_path / "hdf5.pt", grid="half-open")
    text = tmp_path / "text.pt"
    text.write_text("no")
    archive = tmp_path / "zip.pt"
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("a.txt", "no")
    squeezed = tmp_path / "squeezed.pt"
    with zipfile.ZipFile(src) as old, zipfile.ZipFile(squeezed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    for path, message in [
        (hdf5, "HDF5"),
        (text, "not a torch file"),
        (archive, "not a torch file"),
        (squeezed, "compressed"),
    ]:
        with pytest.raises(DataFileError, match=f"{path.name}: .*{message}"):
            convert(path, tmp_path / "out.h5", grid="half-open")
    with pytest.raises(FileNotFoundError, match="absent"):
        convert(tmp_path / "absent", tmp_path / "out.h5", grid="half-open")


def test_damaged_files_are_refused_or_read_right(tmp_path):
    src, content = save(tmp_path / "data.pt", 4, 5)
    intact = src.read_bytes()
    rng = random.Random(0)
    messages = []
    for _ in range(60):
        damaged = bytearray(intact)
        if rng.random() < 0.3:
            del damaged[rng.randrange(len(damaged)) :]
        else:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        src.write_bytes(damaged)
        try:
            dst = convert(src, tmp_path / "out.h5", grid="half-open", overwrite=True)
            X, Y = FieldDataset(dst, ["x"], ["y"]).load()
        except DataFileError as error:
            messages.append(str(error))
        else:
            assert torch.equal(X[:, 0], content["x"].float())
            assert torch.equal(Y[:, 0], content["y"])
    assert len(messages) > 20
    assert all(message.startswith(str(src)) and "\n" not in message for message in messages)
