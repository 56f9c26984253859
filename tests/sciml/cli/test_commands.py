import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from sciml.cli import main
from sciml.data import FieldFile

REPORT_KEYS = {"rel_l2", "wall_s", "steps", "n_params", "seed", "device", "dtype", "versions", "data_sha256"}


def test_a_pinn_from_training_to_prediction(pinn, tmp_path, capsys):
    assert main(["train", pinn]) == 0
    assert "rel_l2" in capsys.readouterr().out
    run = tmp_path / "runs" / "shock"
    report = json.loads((run / "report.json").read_text())
    assert report.keys() >= REPORT_KEYS
    assert report["data_sha256"] is None
    assert report["steps"] == 6
    for name in (
        "config.yaml",
        "metrics.jsonl",
        "model.safetensors",
        "model.json",
        "report.html",
        "checkpoint/state.pt",
    ):
        assert (run / name).is_file()
    assert {p.name for p in (run / "figures").iterdir()} == {"u.png", "history.png"}

    points = np.array([[-1.0, 0.0], [0.5, 0.25], [1.0, 1.0]])
    np.save("points.npy", points)
    assert main(["predict", str(run), "--input", "points.npy", "--out", "fields.npy"]) == 0
    assert np.load("fields.npy").shape == (3, 1)

    assert main(["evaluate", str(run)]) == 0
    again = json.loads((run / "evaluation" / "report.json").read_text())
    assert again["rel_l2"] == pytest.approx(report["rel_l2"])


def test_an_operator_from_training_to_prediction(operator, tmp_path, capsys, diffusion_files, fails):
    assert main(["train", operator, "--seed", "3"]) == 0
    assert "ratio to train" in capsys.readouterr().out
    run = tmp_path / "runs" / "diffusion"
    report = json.loads((run / "report.json").read_text())
    assert report.keys() >= REPORT_KEYS
    assert report["seed"] == 3
    rows = report["superresolution"]
    assert [row["resolution"] for row in rows] == [16, 32]
    assert rows[0].keys() >= {"resolution", "rel_l2", "interpolated_rel_l2", "ratio_to_train"}
    assert rows[0]["rel_l2"] == report["rel_l2"]
    assert rows[1]["interpolated_rel_l2"] > 0
    assert (run / "figures" / "superresolution.png").is_file()

    assert main(["predict", str(run), "--input", str(diffusion_files["test_fine"]), "--out", "u.h5"]) == 0
    prediction = FieldFile("u.h5")
    assert prediction.field_names == ("u",)
    assert prediction.grid == FieldFile(diffusion_files["test_fine"]).grid
    truth = FieldFile(diffusion_files["test_fine"]).read("u", slice(None), 0)
    found = prediction.read("u", slice(None), 0)
    error = np.linalg.norm(found - truth, axis=1) / np.linalg.norm(truth, axis=1)
    assert error.mean() == pytest.approx(rows[1]["rel_l2"], rel=1e-4)

    assert main(["evaluate", str(run), "--data", str(diffusion_files["test_fine"])]) == 0
    again = json.loads((run / "evaluation" / "report.json").read_text())
    assert again["rel_l2"] is None
    assert "no test file lies on the training grid" in again["rel_l2_why"]
    assert again["superresolution"][0]["rel_l2"] == pytest.approx(rows[1]["rel_l2"])

    assert main(["evaluate", str(run), "--resolutions", "8", "32"]) == 0
    again = json.loads((run / "evaluation" / "report.json").read_text())
    assert [row["resolution"] for row in again["superresolution"]] == [8, 32]
    assert again["superresolution"][1]["rel_l2"] == pytest.approx(rows[1]["rel_l2"])
    assert "resolution 24 is not nested in the 32 half-open points" in fails(
        "evaluate", str(run), "--resolutions", "24"
    )


def test_overwrite_and_resume(pinn, fails):
    assert main(["train", pinn]) == 0
    assert "use --overwrite" in fails("train", pinn)
    assert main(["train", pinn, "--overwrite"]) == 0
    assert main(["train", pinn, "--resume"]) == 0
    assert "seed is 5" in fails("train", pinn, "--resume", "--seed", "5")
    assert "no run to resume" in fails("train", pinn, "--resume", "--output", "elsewhere")


def test_data_commands(capsys, diffusion_files, fails):
    path = str(diffusion_files["train"])
    assert main(["data", "inspect", path]) == 0
    assert "half-open" in capsys.readouterr().out
    assert main(["data", "check", path]) == 0
    with h5py.File(path, "r+") as file:
        del file.attrs["n_trajectories"]
    assert "1 problem(s) with The Well's schema" in fails("data", "check", path)
    assert "is an HDF5 file" in fails("data", "convert", path, "o.h5", "--grid", "half-open")


def test_a_users_own_problem(pinn, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "from pdes import Dirichlet, Heat, Initial, Interval, Problem, TimeDomain\n"
        "def rod(kappa: float = 0.1):\n"
        "    return Problem('rod', Heat(kappa), Interval(0, 1) * TimeDomain(0, 1),\n"
        "                   (Dirichlet('u'), Initial('u', lambda z: z[:, 0] * (1 - z[:, 0]))))\n"
    )
    rod = ["--problem.name", "mine.py:rod", "--problem.options.kappa", "0.2", "--points.conditions", "{}"]
    assert main(["train", pinn, *rod]) == 0
    assert "rel_l2 unknown: the problem has no" in capsys.readouterr().out


def test_a_benchmark_by_its_name(capsys):
    overrides = ["--points.interior", "60", "--train.max_seconds", "1", "--output", "out"]
    assert main(["train", "--benchmark", "heat_1d", *overrides]) == 0
    assert "heat_1d: relative L2 error" in capsys.readouterr().out


def test_residuals_in_a_sobolev_norm(pinn, fails):
    options = ["--points.sobolev_order", "-1", "--points.adaptive", "0"]
    assert main(["train", pinn, *options, "--points.grid", "[8, 6]", "--output", "out"]) == 0
    assert "set points.grid" in fails("train", pinn, *options, "--output", "new")
    assert "axis 'x' has 1 point(s)" in fails("train", pinn, "--points.grid", "[1, 6]", "--output", "new")


def test_exact_conditions_from_training_to_prediction(pinn, tmp_path, fails):
    assert (
        main(
            ["train", pinn, "--exact", "[initial, boundary]", "--points.conditions", "{}", "--output", "out"]
        )
        == 0
    )
    np.save(tmp_path / "points.npy", np.array([[1.0, 0.5], [0.5, 0.0]]))
    assert main(["predict", "out", "--input", "points.npy", "--out", "fields.npy"]) == 0
    np.testing.assert_allclose(np.load("fields.npy"), [[0.0], [-1.0]], atol=1e-6)
    assert main(["evaluate", "out"]) == 0
    message = fails("train", pinn, "--exact", "[boundry]", "--output", "new")
    assert "exact names the conditions boundry" in message
    assert not Path("new").exists()


def test_list(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for name in ("Burgers", "burgers_shock", "FNO", "MLP", "ConFIG", "AdamW", "darcy"):
        assert name in out
    assert main(["list", "equations"]) == 0
    out = capsys.readouterr().out
    assert "NavierStokes" in out
    assert "FNO" not in out


def test_a_closed_pipe_ends_silently():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "sciml.cli", "list", "operators"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_debug_shows_the_traceback(capsys):
    assert main(["train", "nowhere.yaml", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err
