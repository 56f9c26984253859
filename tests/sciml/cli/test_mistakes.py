from pathlib import Path

import h5py
import numpy as np
import pytest

from pdes import Axis, Grid
from sciml.cli import main
from sciml.data import write_well


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
def test_mistakes_in_a_configuration(pinn, tmp_path, overrides, message, fails):
    assert message in fails("train", pinn, *overrides)
    assert not (tmp_path / "runs").exists()


def test_mistakes_in_data(operator, tmp_path, diffusion_files, fails):
    assert "nowhere.h5" in fails("train", operator, "--data.train", "nowhere.h5")
    assert "'v'" in fails("train", operator, "--data.inputs", "[v]")
    assert "modes" in fails("train", operator, "--model.options.modes", "[40]")
    assert "give one number for each axis" in fails("train", operator, "--model.options.modes", "8")
    assert "data.inputs: expected list, got 'a'" in fails("train", operator, "--data.inputs", "a")
    assert "domain describes 1 axes but the model has 2" in fails(
        "train", operator, "--model.options.modes", "[4,4]"
    )
    assert "permutations need two axes" in fails("train", operator, "--data.symmetries", "[permutations]")
    message = fails("train", operator, "--model.options.zero_boundary", "true")
    assert "data.normalize_targets is 'standard'; set it to 'scale'" in message

    (tmp_path / "text.h5").write_text("not HDF5")
    assert "text.h5" in fails("train", operator, "--data.train", "text.h5")

    with h5py.File(diffusion_files["train"], "r+") as file:
        file["t0_fields/a"][3, 0, 5] = np.nan
    message = fails("train", operator)
    assert "'a'" in message
    assert "1 NaN" in message
    assert not (tmp_path / "runs").exists()


def test_another_grid_convention_is_refused(operator, tmp_path, fails):
    grid = Grid([Axis("x", 33, convention="vertices")])
    fields = np.random.default_rng(0).normal(size=(4, 33))
    write_well(tmp_path / "walls.h5", {"a": fields, "u": fields}, grid, name="walls")
    message = fails("train", operator, "--data.test", "[walls.h5]")
    assert "axis 'x' is vertices" in message
    assert "in training 'x' is half-open" in message


def test_a_model_bound_to_its_resolution_refuses_another(operator, tmp_path, fails):
    text = Path(operator).read_text()
    Path(operator).write_text(
        text.replace("FNO, options: {modes: [8], width: 8}", "LSM, options: {width: 8, scales: 3, patch: 2}")
    )
    message = fails("train", operator)
    assert "test_32" in message
    assert "input has 32 points but the model is for 16" in message
    assert not (tmp_path / "runs").exists()


def test_more_modes_than_a_test_grid_holds(operator, tmp_path, fails):
    grid = Grid([Axis("x", 4, periodic=True)])
    fields = np.random.default_rng(0).normal(size=(4, 4))
    write_well(tmp_path / "coarse.h5", {"a": fields, "u": fields}, grid, name="coarse")
    assert "modes" in fails("train", operator, "--data.test", "[coarse.h5]")


def test_nan_in_the_loss(pinn, fails):
    message = fails("train", pinn, "--train.stages", "[{optimizer: SGD, steps: 50, options: {lr: 1.0e30}}]")
    assert "step " in message
    assert "is nan" in message or "is inf" in message or "not finite" in message


def test_mistakes_in_prediction(pinn, capsys, fails):
    assert "no trained model" in fails("predict", "runs/shock", "--input", "p.npy", "--out", "o.npy")
    assert main(["train", pinn]) == 0
    np.save("p.npy", np.zeros((4, 3)))
    capsys.readouterr()
    assert "p.npy holds float64 of shape (4, 3); expected points (n, 2) in the order x, t" in fails(
        "predict", "runs/shock", "--input", "p.npy", "--out", "o.npy"
    )
    Path("p.npy").write_text("0.1 0.2")
    assert "p.npy is not an .npy file of numbers" in fails(
        "predict", "runs/shock", "--input", "p.npy", "--out", "o.npy"
    )
    np.save("o.npy", np.zeros(1))
    np.save("p.npy", np.zeros((4, 2)))
    assert "output o.npy exists" in fails("predict", "runs/shock", "--input", "p.npy", "--out", "o.npy")
    assert np.load("o.npy").shape == (1,)


def test_a_configuration_or_a_benchmark(pinn, fails):
    assert "or --benchmark NAME" in fails("train")
    assert "or --benchmark NAME" in fails("train", pinn, "--benchmark", "heat_1d")
    assert "did you mean 'heat_1d'?" in fails("train", "--benchmark", "heat1d")
