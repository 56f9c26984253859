import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from pdes import Axis, Grid
from sciml.cli import main
from sciml.data import FieldFile, write_well

PINN = """
name: shock
problem: {name: burgers_shock}
points: {interior: 50, conditions: {boundary: 8, initial: 8}}
model: {name: MLP, options: {width: 6, depth: 2}}
train: {stages: [{optimizer: Adam, steps: 6}], log_every: 2}
"""
OPERATOR = """
name: diffusion
data: {train: %s, test: [%s, %s], inputs: [a], targets: [u], batch_size: 16}
model: {name: FNO, options: {modes: [8], width: 8}}
train: {stages: [{optimizer: Adam, epochs: 2, options: {lr: 1.0e-2}}]}
"""
REPORT_KEYS = {"rel_l2", "wall_s", "steps", "n_params", "seed", "device", "dtype", "versions", "data_sha256"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pinn(tmp_path):
    path = tmp_path / "pinn.yaml"
    path.write_text(PINN)
    return str(path)


@pytest.fixture
def operator(tmp_path, diffusion_files):
    path = tmp_path / "operator.yaml"
    path.write_text(
        OPERATOR % (diffusion_files["train"], diffusion_files["test"], diffusion_files["test_fine"])
    )
    return str(path)


def fails(capsys, *argv):
    """The one line that a user's error prints."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if not line.startswith("step ")]
    assert len(lines) == 1
    assert lines[0].startswith("sciml: ")
    return lines[0]


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


def test_an_operator_from_training_to_prediction(operator, tmp_path, capsys, diffusion_files):
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
        capsys, "evaluate", str(run), "--resolutions", "24"
    )


def test_overwrite_and_resume(pinn, capsys):
    assert main(["train", pinn]) == 0
    assert "use --overwrite" in fails(capsys, "train", pinn)
    assert main(["train", pinn, "--overwrite"]) == 0
    assert main(["train", pinn, "--resume"]) == 0
    assert "seed is 5" in fails(capsys, "train", pinn, "--resume", "--seed", "5")
    assert "no run to resume" in fails(capsys, "train", pinn, "--resume", "--output", "elsewhere")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--train.max_second", "3"], "did you mean 'max_seconds'?"),
        (["--problem.name", "burger_shock"], "unknown problem 'burger_shock'; did you mean 'burgers_shock'?"),
        (["--problem.name", "mine.py:make"], "file mine.py does not exist"),
        (["--model.name", "FNO"], "unknown model 'FNO'"),
        (["--model.options.widht", "3"], "unknown option 'widht'; did you mean 'width'?"),
        (["--model.options.in_features", "3"], "'in_features' follows from the problem"),
        (["--train.balancer.name", "Config"], "unknown balancer 'Config'; did you mean 'ConFIG'?"),
        (
            ["--train.balancer.options.weights.inital", "3"],
            "losses inital; the task has momentum, boundary, initial",
        ),
        (
            ["--points.conditions.walls", "3"],
            "points.conditions names walls; burgers_shock has boundary, initial",
        ),
        (["--device", "cuda:7"], "device 'cuda:7' is not available"),
    ],
)
def test_mistakes_in_a_configuration(pinn, capsys, tmp_path, overrides, message):
    assert message in fails(capsys, "train", pinn, *overrides)
    assert not (tmp_path / "runs").exists()


def test_mistakes_in_data(operator, capsys, tmp_path, diffusion_files):
    assert "nowhere.h5" in fails(capsys, "train", operator, "--data.train", "nowhere.h5")
    assert "'v'" in fails(capsys, "train", operator, "--data.inputs", "[v]")
    assert "modes" in fails(capsys, "train", operator, "--model.options.modes", "[40]")
    assert "give one number for each axis" in fails(capsys, "train", operator, "--model.options.modes", "8")
    assert "data.inputs: expected list, got 'a'" in fails(capsys, "train", operator, "--data.inputs", "a")
    assert "domain describes 1 axes but the model has 2" in fails(
        capsys, "train", operator, "--model.options.modes", "[4,4]"
    )
    assert "permutations need two axes" in fails(
        capsys, "train", operator, "--data.symmetries", "[permutations]"
    )
    message = fails(capsys, "train", operator, "--model.options.zero_boundary", "true")
    assert "data.normalize_targets is 'standard'; set it to 'scale'" in message

    (tmp_path / "text.h5").write_text("not HDF5")
    assert "text.h5" in fails(capsys, "train", operator, "--data.train", "text.h5")

    with h5py.File(diffusion_files["train"], "r+") as file:
        file["t0_fields/a"][3, 0, 5] = np.nan
    message = fails(capsys, "train", operator)
    assert "'a'" in message
    assert "1 NaN" in message
    assert not (tmp_path / "runs").exists()


def test_another_grid_convention_is_refused(operator, capsys, tmp_path):
    grid = Grid([Axis("x", 33, convention="vertices")])
    fields = np.random.default_rng(0).normal(size=(4, 33))
    write_well(tmp_path / "walls.h5", {"a": fields, "u": fields}, grid, name="walls")
    message = fails(capsys, "train", operator, "--data.test", "[walls.h5]")
    assert "axis 'x' is vertices" in message
    assert "in training 'x' is half-open" in message


def test_a_model_bound_to_its_resolution_refuses_another(operator, capsys, tmp_path):
    text = Path(operator).read_text()
    Path(operator).write_text(
        text.replace("FNO, options: {modes: [8], width: 8}", "LSM, options: {width: 8, scales: 3, patch: 2}")
    )
    message = fails(capsys, "train", operator)
    assert "test_32" in message
    assert "input has 32 points but the model is for 16" in message
    assert not (tmp_path / "runs").exists()


def test_more_modes_than_a_test_grid_holds(operator, capsys, tmp_path):
    grid = Grid([Axis("x", 4, periodic=True)])
    fields = np.random.default_rng(0).normal(size=(4, 4))
    write_well(tmp_path / "coarse.h5", {"a": fields, "u": fields}, grid, name="coarse")
    assert "modes" in fails(capsys, "train", operator, "--data.test", "[coarse.h5]")


def test_nan_in_the_loss(pinn, capsys):
    message = fails(
        capsys, "train", pinn, "--train.stages", "[{optimizer: SGD, steps: 50, options: {lr: 1.0e30}}]"
    )
    assert "step " in message
    assert "is nan" in message or "is inf" in message or "not finite" in message


def test_mistakes_in_prediction(pinn, capsys):
    assert "no trained model" in fails(capsys, "predict", "runs/shock", "--input", "p.npy", "--out", "o.npy")
    assert main(["train", pinn]) == 0
    np.save("p.npy", np.zeros((4, 3)))
    capsys.readouterr()
    assert "p.npy holds float64 of shape (4, 3); expected points (n, 2) in the order x, t" in fails(
        capsys, "predict", "runs/shock", "--input", "p.npy", "--out", "o.npy"
    )
    Path("p.npy").write_text("0.1 0.2")
    assert "p.npy is not an .npy file of numbers" in fails(
        capsys, "predict", "runs/shock", "--input", "p.npy", "--out", "o.npy"
    )
    np.save("o.npy", np.zeros(1))
    np.save("p.npy", np.zeros((4, 2)))
    assert "output o.npy exists" in fails(
        capsys, "predict", "runs/shock", "--input", "p.npy", "--out", "o.npy"
    )
    assert np.load("o.npy").shape == (1,)


def test_data_commands(capsys, diffusion_files):
    path = str(diffusion_files["train"])
    assert main(["data", "inspect", path]) == 0
    assert "half-open" in capsys.readouterr().out
    assert main(["data", "check", path]) == 0
    with h5py.File(path, "r+") as file:
        del file.attrs["n_trajectories"]
    assert "1 problem(s) with The Well's schema" in fails(capsys, "data", "check", path)
    assert "is an HDF5 file" in fails(capsys, "data", "convert", path, "o.h5", "--grid", "half-open")


def test_a_users_own_problem(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "from pdes import Dirichlet, Heat, Initial, Interval, Problem, TimeDomain\n"
        "def rod(kappa: float = 0.1):\n"
        "    return Problem('rod', Heat(kappa), Interval(0, 1) * TimeDomain(0, 1),\n"
        "                   (Dirichlet('u'), Initial('u', lambda z: z[:, 0] * (1 - z[:, 0]))))\n"
    )
    (tmp_path / "rod.yaml").write_text(PINN.replace("burgers_shock", "mine.py:rod"))
    assert main(["train", "rod.yaml", "--problem.options.kappa", "0.2", "--points.conditions", "{}"]) == 0
    assert "rel_l2 unknown: the problem has no" in capsys.readouterr().out


def test_a_benchmark_by_its_name(capsys):
    overrides = ["--points.interior", "60", "--train.max_seconds", "1", "--output", "out"]
    assert main(["train", "--benchmark", "heat_1d", *overrides]) == 0
    assert "heat_1d: relative L2 error" in capsys.readouterr().out


def test_a_configuration_or_a_benchmark(pinn, capsys):
    assert "or --benchmark NAME" in fails(capsys, "train")
    assert "or --benchmark NAME" in fails(capsys, "train", pinn, "--benchmark", "heat_1d")
    assert "did you mean 'heat_1d'?" in fails(capsys, "train", "--benchmark", "heat1d")


def test_residuals_in_a_sobolev_norm(pinn, capsys):
    options = ["--points.sobolev_order", "-1", "--points.adaptive", "0"]
    assert main(["train", pinn, *options, "--points.grid", "[8, 6]", "--output", "out"]) == 0
    assert "set points.grid" in fails(capsys, "train", pinn, *options, "--output", "new")
    assert "axis 'x' has 1 point(s)" in fails(
        capsys, "train", pinn, "--points.grid", "[1, 6]", "--output", "new"
    )


def test_exact_conditions_from_training_to_prediction(pinn, capsys, tmp_path):
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
    message = fails(capsys, "train", pinn, "--exact", "[boundry]", "--output", "new")
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
