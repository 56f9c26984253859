"""Short runs of training, and what it takes to end one in the middle and go on."""

import pytest
import torch

from sciml.assemble import assemble
from sciml.config import Component, Config, DataConfig, PointsConfig, Stage, TrainConfig
from sciml.train import RunFolder, Trainer


class KilledError(Exception):
    pass


def pinn_config(folder, stages, **train):
    return Config(
        output=str(folder),
        dtype="float64",
        problem=Component("burgers_shock"),
        points=PointsConfig(
            interior=40, conditions={"boundary": 8, "initial": 8}, resample_every=3, adaptive=0.5
        ),
        model=Component("MLP", {"width": 6, "depth": 2}),
        train=TrainConfig(stages=stages, log_every=1, checkpoint_seconds=0.0, **train),
    )


def operator_config(folder, files, validation=0.0, **train):
    return Config(
        output=str(folder),
        data=DataConfig(
            train=str(files["train"]), inputs=["a"], targets=["u"], batch_size=16, validation=validation
        ),
        model=Component("FNO", {"modes": [6], "width": 8}),
        train=TrainConfig(
            stages=[Stage("AdamW", epochs=3, schedule="one-cycle", options={"lr": 1e-2})],
            log_every=1,
            checkpoint_seconds=0.0,
            **train,
        ),
    )


def start(config, resume=False):
    task, model, balancers, _ = assemble(config)
    run = RunFolder(config.folder)
    trainer = Trainer(task, model, config.train, balancers, run)
    if resume:
        trainer.resume(torch.device("cpu"))
    else:
        run.create("")
    return trainer


def run_and_kill(config, monkeypatch, step):
    """Train until ``step`` batches were drawn, then die without a word, as a killed process does."""
    trainer = start(config)
    original = trainer.task.batch

    def batch(index, model):
        if index == step:
            raise KilledError
        return original(index, model)

    monkeypatch.setattr(trainer.task, "batch", batch)
    with pytest.raises(KilledError):
        trainer.fit()


def records(trainer):
    """The log without times."""
    return [{k: v for k, v in record.items() if k != "wall_s"} for record in trainer.run.records()]


STAGES = {
    "adam": [Stage("Adam", steps=12, schedule="cosine", options={"lr": 1e-2})],
    "lbfgs": [Stage("LBFGS", steps=8, options={"max_iter": 5})],
    "least squares": [Stage("LevenbergMarquardt", steps=9)],
    "adam, then lbfgs": [
        Stage("Adam", steps=5, options={"lr": 1e-2}),
        Stage("LBFGS", steps=5, options={"max_iter": 5}),
    ],
    "a balancer each": [
        Stage("Adam", steps=4, options={"lr": 1e-2}, balancer=Component("ReLoBRaLo")),
        Stage("SGD", steps=4, options={"lr": 1e-3}, balancer=Component("MultiAdam")),
        Stage("LevenbergMarquardt", steps=2),
        Stage("Adam", steps=3, options={"lr": 1e-3}, balancer=Component("ConFIG")),
    ],
}


def assert_resumes_bit_for_bit(monkeypatch, config, kill_at):
    whole = start(config("whole"))
    whole.fit()
    run_and_kill(config("killed"), monkeypatch, kill_at)
    resumed = start(config("killed"), resume=True)
    assert resumed.step == kill_at
    resumed.fit()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert records(whole) == records(resumed)
