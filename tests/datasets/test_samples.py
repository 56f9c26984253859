"""The sample files that come with the project: small, whole, and what their recipe makes."""

from pathlib import Path

import numpy as np
import pytest

from sciml.data import FieldFile, check_well, make_dataset
from sciml.data.recipes import list_recipes

FOLDER = Path(__file__).resolve().parents[2] / "datasets"
FILES = sorted(FOLDER.glob("*/sample/*.h5"))
SEEDS = {"train": 0, "test": 1}
COMPARED = {"burgers": 3, "darcy": 1, "navier_stokes": 1}
INTERVALS = {"navier_stokes": 10}


def split_of(path):
    split, resolution = path.stem.split("_")
    return split, int(resolution)


def test_every_data_set_has_its_parts():
    for name in list_recipes():
        folder = FOLDER / name
        card = (folder / "card.md").read_text(encoding="utf-8")
        files = sorted((folder / "sample").glob("*.h5"))
        assert {"train", "test"} == {split_of(file)[0] for file in files}
        assert sum(file.stat().st_size for file in files) <= 1_000_000
        for file in files:
            split, resolution = split_of(file)
            with FieldFile(file) as data:
                command = f"make {name} --out {file.name} -n {data.n_samples} --resolution {resolution}"
            if name in INTERVALS:
                command += f" --intervals {INTERVALS[name]}"
            assert f"{command} --seed {SEEDS[split]}\n" in card


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_a_sample_file_is_what_its_recipe_makes(path, tmp_path):
    name = path.parts[-3]
    split, resolution = split_of(path)
    assert check_well(path) == []
    made = make_dataset(
        name,
        tmp_path / "again.h5",
        n_samples=COMPARED[name],
        resolution=resolution,
        intervals=INTERVALS.get(name),
        seed=SEEDS[split],
        progress=False,
    )
    with FieldFile(path) as shipped, FieldFile(made) as again:
        assert shipped.grid == again.grid
        assert shipped.field_names == again.field_names
        assert np.array_equal(shipped.times, again.times)
        assert shipped.parameters == again.parameters
        for field in again.field_names:
            expected = again.read(field)
            np.testing.assert_allclose(
                shipped.read(field)[: COMPARED[name]], expected, rtol=0, atol=2e-6 * np.abs(expected).max()
            )


@pytest.mark.parametrize("name", sorted(COMPARED))
def test_the_test_files_hold_the_same_functions(name):
    files = sorted((FOLDER / name / "sample").glob("test_*.h5"), key=lambda path: split_of(path)[1])
    with FieldFile(files[0]) as coarse:
        for path in files[1:]:
            with FieldFile(path) as fine:
                for field in coarse.field_names:
                    low, high = coarse.read(field), fine.read(field)
                    steps = [round(f / c) for f, c in zip(high.shape[2:], low.shape[2:], strict=True)]
                    nested = high[(slice(None), slice(None), *(slice(None, None, step) for step in steps))]
                    np.testing.assert_array_equal(low, nested)


@pytest.mark.parametrize("name", sorted(COMPARED))
def test_training_and_test_samples_differ(name):
    folder = FOLDER / name / "sample"
    (train,) = folder.glob("train_*.h5")
    test = folder / train.name.replace("train", "test")
    with FieldFile(train) as seen, FieldFile(test) as unseen:
        field = seen.field_names[-1]
        a = seen.read(field).reshape(seen.n_samples, -1)
        b = unseen.read(field).reshape(unseen.n_samples, -1)
    distance = np.linalg.norm(a[:, None] - b[None], axis=2) / np.linalg.norm(b, axis=1)
    assert distance.min() > 1e-3
