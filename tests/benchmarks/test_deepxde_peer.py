"""The adapter asks DeepXDE for what we ask of ourselves: equal losses of one network at the same points."""

from dataclasses import replace

import pytest
import torch

import pdes.benchmarks
from operators import MLP
from sciml.tasks import PinnTask

peer = pytest.importorskip("deepxde_peer", reason="pip install -e .[bench]")

# first and second order, time derivatives at the start, periodic with derivatives, systems, order 4, inputs, data
PROBLEMS = [
    "burgers_shock",
    "klein_gordon",
    "schroedinger",
    "beltrami",
    "kuramoto_sivashinsky",
    "helmholtz_2d",
    "lid_driven_cavity",
]


def network_of(problem):
    torch.manual_seed(0)
    sizes = len(problem.pde.coords), len(problem.pde.fields)
    return MLP(*sizes, width=8, depth=2, lower=problem.domain.lower, upper=problem.domain.upper).double()


@pytest.mark.parametrize("name", PROBLEMS)
def test_losses_are_ours(name):
    problem = replace(getattr(pdes.benchmarks, name)(), reference=None)
    task = PinnTask(problem, interior=50, dtype=torch.float64)
    network = network_of(problem)
    points = task.batch(0, network)
    ours = task.losses(network, points)
    with peer.double_precision():
        model = peer.deepxde_model(problem, network, points)
        model.compile("adam", lr=1e-3, verbose=0)
        _, theirs = model.outputs_losses_train(model.data.train_x, None, None)
    torch.testing.assert_close(theirs, torch.stack(list(ours.values())), rtol=1e-9, atol=1e-12)


def test_training_keeps_to_the_time_and_helps():
    problem = pdes.benchmarks.heat_1d()
    task = PinnTask(problem, interior=100, dtype=torch.float64)
    network = network_of(problem)
    before = task.validate(network)["rel_l2"]
    lines = []
    found = peer.train_deepxde(problem, network, task.batch(0, network), 3.0, log=lines.append)
    assert found == task.validate(network)["rel_l2"] < before / 3
    assert len(lines) == 2
