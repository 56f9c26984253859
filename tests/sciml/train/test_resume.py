"""A run that was killed and goes on ends bit for bit where it would have ended."""

from dataclasses import replace

import pytest
import torch
from training_runs import STAGES, assert_resumes_bit_for_bit, operator_config, pinn_config, start

from pdes import Axis, Grid
from sciml.config import Component, IncrementalConfig, RolloutConfig, Stage
from sciml.data import write_well
from sciml.optim.by_name import known_optimizers
from sciml.train import RunFolder


@pytest.mark.parametrize(
    ("stages", "balancer", "kill_at"),
    [
        ("adam", "WeightedSum", 3),
        ("adam", "ConFIG", 7),
        ("adam, then lbfgs", "WeightedSum", 4),
        ("adam, then lbfgs", "WeightedSum", 5),
        ("adam, then lbfgs", "WeightedSum", 7),
        ("a balancer each", "WeightedSum", 3),
        ("a balancer each", "WeightedSum", 4),
        ("a balancer each", "WeightedSum", 6),
        ("a balancer each", "WeightedSum", 9),
        ("a balancer each", "WeightedSum", 12),
    ],
)
def test_a_killed_and_resumed_pinn_ends_bit_for_bit_the_same(
    tmp_path, monkeypatch, stages, balancer, kill_at
):
    def config(name):
        return pinn_config(tmp_path / name, STAGES[stages], balancer=Component(balancer), log_gradients=True)

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at)


FIRST_ORDER, QUASI_NEWTON = {"lr": 1e-3}, {"max_iter": 4}
OPTIMIZERS = {
    **dict.fromkeys(("Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD"), FIRST_ORDER),
    **dict.fromkeys(("Adagrad", "Adadelta", "Adamax", "ASGD"), FIRST_ORDER),
    **dict.fromkeys(("LBFGS", "BFGS", "SSBFGS", "SSBroyden"), QUASI_NEWTON),
    "Adafactor": FIRST_ORDER,
    "LevenbergMarquardt": {},
    "SketchedGaussNewton": {"sketch": 20, "momentum": 0.3},
    "SOAP": {"lr": 1e-3, "precondition_frequency": 3},
    **dict.fromkeys(("Muon", "Prodigy", "AdEMAMix"), FIRST_ORDER),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_resumes_bit_for_bit(tmp_path, monkeypatch, optimizer):
    """New points come at steps 3 and 6."""
    if optimizer not in known_optimizers():
        pytest.importorskip("pytorch_optimizer")

    def config(name):
        config = pinn_config(
            tmp_path / name, [Stage(optimizer, steps=8, options=OPTIMIZERS[optimizer])], log_gradients=True
        )
        config.problem = Component("poisson_2d")
        config.points.conditions = {"u_boundary": 8}
        return config

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=5)


def test_all_optimizers_are_held_to_that():
    assert known_optimizers().keys() <= OPTIMIZERS.keys()


@pytest.mark.parametrize("kill_at", [2, 4, 9])
def test_a_killed_and_resumed_operator_ends_bit_for_bit_the_same(
    tmp_path, monkeypatch, diffusion_files, kill_at
):
    def config(name):
        return operator_config(tmp_path / name, diffusion_files)

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at)


FEATURES = {
    "weights": {"channel_weights": [2.0], "loss": "h1"},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "modes by schedule": {"incremental": IncrementalConfig(start=1, until=0.8), "ema": 0.9},
    "modes by energy": {"incremental": IncrementalConfig(start=1, grow="energy", explained=0.999, every=2)},
}


@pytest.mark.parametrize("feature", FEATURES)
def test_features_of_training_resume_bit_for_bit(tmp_path, monkeypatch, diffusion_files, feature):
    def config(name):
        return operator_config(tmp_path / name, diffusion_files, **FEATURES[feature])

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=5)
    if "modes" in feature:
        reach = [record["modes"] for record in RunFolder(config("whole").folder).records()]
        assert reach[0] != reach[5] != reach[-1]


SAMPLING = {
    "coarser grids": {"coarsen": [2], "coarsen_by": "spectral"},
    "symmetries": {"symmetries": ["translations", "reflections"], "pseudo": ["u"], "input_noise": 0.01},
    "two files": {"batch_size": 8},
}


@pytest.mark.parametrize("sampling", SAMPLING)
def test_what_a_step_sees_resumes_bit_for_bit(tmp_path, monkeypatch, diffusion_files, sampling):
    def config(name):
        config = operator_config(tmp_path / name, diffusion_files)
        for key, value in SAMPLING[sampling].items():
            setattr(config.data, key, value)
        if sampling == "two files":
            config.data.train = [str(diffusion_files[name]) for name in ("train", "test_fine")]
        return config

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=5)


@pytest.mark.parametrize(
    "rollout", [{"unroll": 1}, {"unroll": 3, "noise": 0.1}, {"unroll": 2, "pushforward": True}]
)
def test_roll_outs_resume_bit_for_bit(tmp_path, monkeypatch, rollout):
    grid = Grid([Axis("x", 16, periodic=True)])
    w = torch.rand(48, 6, 16, generator=torch.Generator().manual_seed(0))
    write_well(tmp_path / "w.h5", {"w": w}, grid, times=[0.1 * i for i in range(6)], name="waves")

    def config(name):
        config = operator_config(
            tmp_path / name, {"train": tmp_path / "w.h5"}, rollout=RolloutConfig(**rollout)
        )
        config.data.inputs, config.data.targets = ["w[0:2]"], ["w[2:6]"]
        return config

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=5)


@pytest.mark.parametrize("kill_at", [2, 5])
def test_an_average_resumes_bit_for_bit(tmp_path, monkeypatch, kill_at):
    def config(name):
        return pinn_config(tmp_path / name, [Stage("Adam", steps=8, options={"lr": 1e-2})], ema=0.7)

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at)


def test_points_stay_at_the_end_and_resume_bit_for_bit(tmp_path, monkeypatch):
    drawn = []

    def config(name):
        config = pinn_config(tmp_path / name, [Stage("Adam", steps=16, options={"lr": 1e-2})])
        return replace(config, points=replace(config.points, resample_until=0.5))

    trainer = start(config("looked at"))
    original = trainer.task.batch
    trainer.task.batch = lambda step, model: drawn.append(original(step, model)) or drawn[-1]
    trainer.fit()
    in_training = drawn[-16:]
    assert [i for i in range(1, 16) if in_training[i] is not in_training[i - 1]] == [3, 6]
    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=11)
