"""Every feature of an operator's training, on the samples of our data sets: each run must come far below where it began."""

from pathlib import Path

import pytest

from sciml.assemble import assemble
from sciml.config import Component, Config, DataConfig, IncrementalConfig, RolloutConfig, Stage, TrainConfig
from sciml.train import RunFolder, Trainer

DATASETS = Path(__file__).parents[3] / "datasets"
FILES = {
    "burgers": ("train_64", "test_64"),
    "darcy": ("train_17", "test_17"),
    "navier_stokes": ("train_32", "test_32"),
}
FIELDS = {
    "burgers": (["u[0]"], ["u[-1]"]),
    "darcy": (["a"], ["u"]),
    "navier_stokes": (["w[0:2]"], ["w[2:6]"]),
}
ZERO_BOUNDARY = {"burgers": False, "darcy": True, "navier_stokes": False}


def errors(tmp_path, name, steps, data=None, **train):
    """The test error before and after a short training."""
    inputs, targets = FIELDS[name]
    sample = DATASETS / name / "sample"
    files = {
        role: str(sample / f"{file}.h5") for role, file in zip(("train", "test"), FILES[name], strict=True)
    }
    options = {
        "inputs": inputs,
        "targets": targets,
        "batch_size": 20,
        "normalize_targets": "scale",
        **(data or {}),
    }
    modes = [16] if name == "burgers" else [8, 8]
    config = Config(
        output=str(tmp_path / "run"),
        data=DataConfig(train=files["train"], test=[files["test"]], **options),
        model=Component("FNO", {"modes": modes, "width": 12, "zero_boundary": ZERO_BOUNDARY[name]}),
        train=TrainConfig(
            stages=[Stage("AdamW", steps=steps, schedule="one-cycle", options={"lr": 5e-3})], **train
        ),
    )
    task, model, balancers, _ = assemble(config)
    run = RunFolder(config.folder)
    trainer = Trainer(task, model, config.train, balancers, run)
    trainer.rehearse()
    run.create("")
    (before,) = task.validate(model.eval()).values()
    trainer.fit()
    (after,) = task.validate(model).values()
    return before, after


TRAINING = {
    "plain": {},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "modes by schedule": {"incremental": IncrementalConfig()},
    "modes by energy": {"incremental": IncrementalConfig(grow="energy", every=5)},
}


@pytest.mark.parametrize("feature", TRAINING)
def test_training_improves(tmp_path, feature):
    before, after = errors(tmp_path, "burgers", 80, **TRAINING[feature])
    assert after < 0.1 * before


SAMPLING = {
    "symmetries": ("darcy", {"symmetries": ["permutations", "reflections"]}),
    "subsampled": ("darcy", {"coarsen": [2]}),
    "truncated": ("burgers", {"coarsen": [2, 4], "coarsen_by": "spectral"}),
}


@pytest.mark.parametrize("feature", SAMPLING)
def test_sampling_improves(tmp_path, feature):
    name, data = SAMPLING[feature]
    before, after = errors(tmp_path, name, 80, data)
    assert after < 0.3 * before


def test_symmetries_stand_for_samples_that_are_missing(tmp_path):
    """Forty initial states of Burgers' equation: their translations and reflections are as good as new ones."""
    few = {"validation": 0.96}
    _, plain = errors(tmp_path / "a", "burgers", 250, few)
    moves = {"symmetries": ["translations", "reflections"], "pseudo": ["u"]}
    _, moved = errors(tmp_path / "b", "burgers", 250, {**few, **moves})
    assert moved < 0.95 * plain


def test_predictions_averaged_over_the_symmetries_are_better(tmp_path):
    """Those of the same weights: errors that depend on how the axes lie cancel."""
    moves = {"symmetries": ["permutations", "reflections"]}
    _, plain = errors(tmp_path / "a", "darcy", 80, moves)
    _, averaged = errors(tmp_path / "b", "darcy", 80, {**moves, "average_symmetries": True})
    assert averaged < plain
    with pytest.raises(ValueError, match=r"data\.average_symmetries needs data\.symmetries"):
        errors(tmp_path / "c", "darcy", 1, {"average_symmetries": True})


ROLLOUTS = {
    "teacher forcing": RolloutConfig(noise=0.01),
    "back-propagation": RolloutConfig(unroll=2),
    "pushforward": RolloutConfig(unroll=2, pushforward=True),
}


@pytest.mark.parametrize("feature", ROLLOUTS)
def test_roll_outs_improve(tmp_path, feature):
    before, after = errors(tmp_path, "navier_stokes", 100, {"batch_size": 4}, rollout=ROLLOUTS[feature])
    assert after < 0.6 * before
