"""How accurate a PINN gets in a given time: ours, our Adam, and DeepXDE. The figures of docs/benchmarks.md.

A budget is 300 s; SCIML_BENCH_SECONDS shortens all of them, and then nothing is asserted. Run by `make bench-pinn`, two
tests at a time with a thread each.
"""

import dataclasses
import os

import pytest
import torch

from pdes.exact_conditions import ExactConditions
from sciml import load_config
from sciml.assemble import make_pinn
from sciml.benchmarks import benchmark_config
from sciml.config import PointsConfig, Stage
from sciml.experiment import train

pytestmark = [pytest.mark.bench]
SHORTENED = float(os.environ.get("SCIML_BENCH_SECONDS", "inf"))
SECONDS = min(300.0, SHORTENED)


def run(config, folder, seconds=SECONDS):
    """The report of a configuration trained for some seconds."""
    train_config = dataclasses.replace(config.train, max_seconds=min(seconds, SHORTENED))
    report, _ = train(dataclasses.replace(config, train=train_config, output=str(folder)))
    return report


def with_adam(config):
    """The same configuration, network, points and exact conditions included, with Adam in place of its stages."""
    adam = Stage("Adam", steps=10**9, schedule="cosine", options={"lr": 2e-3})
    return dataclasses.replace(config, train=dataclasses.replace(config.train, stages=[adam], log_every=50))


def deepxde(config):
    """DeepXDE's Adam, then its L-BFGS: the same network, all conditions as losses, as many points as ours ends with."""
    peer = pytest.importorskip("deepxde_peer", reason="pip install -e .[bench]")
    interior = config.points.interior_max or config.points.interior
    points = PointsConfig(interior, conditions=config.points.conditions)
    torch.manual_seed(config.seed)
    plain = dataclasses.replace(config, exact=[], points=points)
    task, network, _ = make_pinn(plain, torch.float64, torch.device("cpu"))
    # what we know of the solution is not DeepXDE's
    network = (network.network if isinstance(network, ExactConditions) else network).double()
    return peer.train_deepxde(task.problem, network, task.batch(0, network), SECONDS)


@pytest.mark.parametrize(
    "name", ["kovasznay", "beltrami", "schroedinger", "allen_cahn", "helmholtz_2d", "lid_driven_cavity"]
)
def test_against_first_order(name, tmp_path):
    """At least ten times more accurate than Adam and than Adam with L-BFGS in the same time."""
    config = load_config(benchmark_config(name))
    ours = run(config, tmp_path / "ours")
    adam = run(with_adam(config), tmp_path / "adam")
    theirs = deepxde(config)
    print(
        f"\n{name}, {SECONDS:.0f} s, {ours['n_params']} parameters: sciml {ours['rel_l2']:.1e}, "
        f"Adam {adam['rel_l2']:.1e} ({adam['steps']} steps), DeepXDE {theirs:.1e}"
    )
    if SHORTENED > SECONDS:
        assert 10 * ours["rel_l2"] <= min(adam["rel_l2"], theirs)


@pytest.mark.parametrize(
    ("name", "bound", "parameters"),
    [("poisson_2d", 1e-7, 257), ("heat_1d", 1e-7, None), ("poisson_5d", 1e-6, None)],
)
def test_second_order(name, bound, parameters, tmp_path):
    report = run(load_config(benchmark_config(name)), tmp_path / "run")
    print(
        f"\n{name}: {report['rel_l2']:.1e} in {report['wall_s']:.0f} s with {report['n_params']} parameters"
    )
    if parameters is not None:
        assert report["n_params"] == parameters
    if SHORTENED > SECONDS:
        assert report["rel_l2"] <= bound
