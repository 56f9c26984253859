import logging
import time
from dataclasses import replace

import pytest
import torch

from operators import MLP, FourierMLP
from pdes.benchmarks import burgers_shock, helmholtz_2d
from sciml import load_config
from sciml.experiment import train
from sciml.optim import loss_gradients
from sciml.tasks import PinnTask
from sciml.train.compiled import CompiledLosses

COMPILES = pytest.mark.slow
"""It takes torch some ten seconds."""


@pytest.fixture(autouse=True)
def keep_compiled_code(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "inductor"))
    yield
    torch._dynamo.reset()


def task_of(problem, **points):
    return PinnTask(replace(problem, reference=None), interior=200, **points)


def compiled_losses(task):
    losses = CompiledLosses(task)
    losses.load_state_dict({"chosen": True})
    return losses


@COMPILES
@pytest.mark.parametrize(("problem", "network"), [(burgers_shock, MLP), (helmholtz_2d, FourierMLP)])
def test_losses_and_gradients_are_the_same_also_at_new_points(problem, network):
    problem = problem()
    task = task_of(problem, resample_every=1)
    box = {"lower": problem.domain.lower, "upper": problem.domain.upper}
    torch.manual_seed(0)
    model = network(2, 1, width=16, depth=2, **box).double()
    parameters = list(model.parameters())
    compiled = compiled_losses(task)
    for step in range(2):
        batch = {name: points.double() for name, points in task.batch(step, model).items()}
        losses, expected = compiled(model, batch), task.losses(model, batch)
        torch.testing.assert_close(losses, expected, rtol=1e-10, atol=1e-12)
        # each by itself, as balancers take them
        ours, theirs = (loss_gradients(found, parameters) for found in (losses, expected))
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)
        assert all("Compiled" in loss.grad_fn.name() for loss in losses.values())
    assert len(compiled._functions) == 1


@pytest.mark.parametrize("size", [1.0, 1e-2])  # of the network's values, whose squares the losses are
def test_points_that_became_constants_are_found_out(size, caplog):
    torch.manual_seed(0)

    class Blind(PinnTask):
        def losses(self, model, batch):
            return {"all": (size * model(torch.tensor(batch["interior"].tolist()))).square().mean()}

    problem = burgers_shock()
    task = Blind(replace(problem, reference=None), interior=20)
    model = MLP(2, 1, width=4, depth=1)
    losses, batch = CompiledLosses(task), task.batch(0, model)
    with caplog.at_level(logging.WARNING):
        losses.choose(model, batch, lambda: losses(model, batch))
    assert "losses are not compiled" in caplog.text
    assert not losses.undecided
    assert torch.equal(losses(model, batch)["all"], task.losses(model, batch)["all"])


@COMPILES
@pytest.mark.parametrize("faster", [True, False])
def test_the_faster_is_kept(faster):
    task = task_of(burgers_shock())
    model = MLP(2, 1, width=4, depth=1)
    losses, batch = CompiledLosses(task), task.batch(0, model)

    def step():
        time.sleep(0.02 if losses._chosen is not faster else 0)

    losses.choose(model, batch, step)
    assert losses.state_dict() == {"chosen": faster}


@COMPILES
def test_a_run_compiles_and_says_so(tmp_path, caplog):
    options = ["--train.compile", "true", "--train.max_seconds", "null", "--output", str(tmp_path / "run")]
    stages = "[{optimizer: Adam, steps: 4, options: {lr: 1.0e-3}}]"
    points = "{interior: 100, interior_max: null, redraw_above: null, resample_every: 2}"
    options += ["--points", points, "--train.stages", stages]
    with caplog.at_level(logging.INFO, logger="sciml"):
        train(load_config("examples/burgers_pinn.yaml", options))
    assert "train.compile: a step takes" in caplog.text


def test_operators_are_refused():
    with pytest.raises(ValueError, match="compile is for a problem"):
        load_config("examples/darcy_fno.yaml", ["--train.compile", "true"])
