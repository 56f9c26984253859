import json

import pytest
import torch

import sciml.comparison
from pdes import Axis, Grid
from sciml.assemble import assemble
from sciml.cli import main
from sciml.comparison import compare
from sciml.config import Component, Config, DataConfig, RolloutConfig, Stage, TrainConfig
from sciml.config_file import dump_config
from sciml.data import write_well
from sciml.experiment import evaluate
from sciml.train import RunFolder, save_model


@pytest.fixture
def run(tmp_path, diffusion_files):
    """Writes the folder of a run that ended before its first step."""

    def write(seed, train="train", width=6):
        folder = RunFolder(tmp_path / f"{train}_{seed}_{width}")
        tests = [str(diffusion_files[name]) for name in ("test", "test_fine")]
        config = Config(
            seed=seed,
            output=str(folder.path),
            data=DataConfig(str(diffusion_files[train]), tests, ["a"], ["u"]),
            model=Component("FNO", {"modes": [6], "width": width, "layers": 1}),
            train=TrainConfig([Stage("Adam", steps=1)]),
        )
        _, model, _, description = assemble(config)
        folder.create(dump_config(config))
        save_model(folder.path, model, description)
        return str(folder.path)

    return write


def test_resolutions_as_a_matrix(run, tmp_path, capsys):
    folders = [run(0), run(0, "test_fine")]
    out = tmp_path / "all"
    assert main(["evaluate", *folders, "--out", str(out)]) == 0
    assert "high-to-high: 16 -> test_16" in capsys.readouterr().out
    alone = [json.loads((tmp_path / f / "evaluation" / "report.json").read_text()) for f in folders]
    report = json.loads((out / "report.json").read_text())
    cells = {(cell["train_resolution"], cell["resolution"]): cell for cell in report["matrix"]}
    assert cells.keys() == {(16, 16), (16, 32), (32, 16), (32, 32)}
    assert cells[16, 32]["rel_l2"] == pytest.approx(alone[0]["superresolution"][1]["rel_l2"])
    assert (cells[16, 32]["protocol"], cells[16, 32]["interval_over"]) == ("low-to-high", "samples")
    assert cells[32, 32]["protocol"] == "high-to-high"
    assert report["rel_l2"] is None
    assert [entry["seed"] for entry in report["runs"]] == [0, 0]
    assert (out / "report.html").is_file()
    assert {path.name for path in (out / "figures").iterdir()} == {"matrix.png", "protocols.png"}


def test_seeds_of_one_resolution_have_a_headline(run, tmp_path, monkeypatch):
    row = {"resolution": 16, "refinement": 1, "protocol": "high-to-high", "rel_l2_interval": None,
           "interpolated_rel_l2": None, "beyond_nyquist": None, "name": "test_16"}  # fmt: skip

    def evaluate(folder, **_):
        error = 0.1 if folder.name.startswith("train_0") else 0.3
        return {"rel_l2": error, "train_resolution": 16, "superresolution": [{**row, "rel_l2": error}]}, ""

    monkeypatch.setattr(sciml.comparison, "evaluate", evaluate)
    report, _ = compare([run(0), run(1)], tmp_path / "both")
    assert report["rel_l2"] == pytest.approx(0.2)
    assert report["rel_l2_interval"] == pytest.approx([0.2 - 1.27062, 0.2 + 1.27062], rel=1e-5)


def test_files_coarser_in_time_have_no_place_in_the_row_of_a_roll_out(tmp_path, monkeypatch):
    grid = Grid([Axis("x", 16, periodic=True)])
    files = {}
    for name, frames in (("slow", 5), ("fast", 9)):
        fields = torch.rand(2, frames, 16, generator=torch.Generator().manual_seed(frames))
        times = [4 * i / (frames - 1) for i in range(frames)]
        files[name] = str(write_well(tmp_path / f"{name}.h5", {"w": fields}, grid, times=times, name=name))

    def write(name, last):
        folder = RunFolder(tmp_path / name)
        config = Config(
            output=str(folder.path),
            data=DataConfig([files[name]], [files[name]], ["w[0:1]"], [f"w[1:{last}]"]),
            model=Component("FNO", {"modes": [4], "width": 4, "layers": 1}),
            train=TrainConfig([Stage("Adam", steps=1)], rollout=RolloutConfig()),
        )
        _, model, _, description = assemble(config)
        folder.create(dump_config(config))
        save_model(folder.path, model, description)
        return str(folder.path)

    seen = {}

    def watched(folder, *, data, **options):
        seen[folder.name] = data
        return evaluate(folder, data=data, **options)

    monkeypatch.setattr(sciml.comparison, "evaluate", watched)
    report, _ = compare([write("slow", 5), write("fast", 9)], tmp_path / "both")
    assert seen == {"slow": [files["slow"], files["fast"]], "fast": [files["fast"]]}
    places = [(cell["train_interval"], cell["interval"], cell["protocol"]) for cell in report["matrix"]]
    assert places == [
        (1.0, 1.0, "high-to-high"), (1.0, 0.5, "low-to-high"), (0.5, 0.5, "high-to-high"),
    ]  # fmt: skip
    assert [len(curve["times"]) for curve in report["rollout"]] == [4, 7, 8]


def test_what_does_not_belong_together(run, capsys):
    def fails(*argv):
        assert main(["evaluate", *argv]) == 2
        return capsys.readouterr().err

    first, wider = run(0), run(1, width=8)
    assert "model.options.width is 6 and 8; runs of one resolution may differ in their seed alone" in fails(
        first, wider
    )
    assert "named twice" in fails(first, first)
    assert "--out is for several runs" in fails(first, "--out", "o")
