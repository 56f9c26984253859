"""A new equation takes one short file, and everything works on it."""

import importlib.util
from pathlib import Path

import pytest
import torch

from pdes import Grid, check_pde, grid_residual
from pdes.solvers import solve_periodic
from sciml import load_config
from sciml.experiment import train

FILE = Path("examples/reactive_burgers.py")


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("reactive_burgers", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_is_short():
    assert len(FILE.read_text().splitlines()) <= 40


def test_it_is_checked(module):
    check_pde(module.ReactiveBurgers(), solution=lambda z: 1 + 0 * z[:, :1])


def test_its_reference_comes_from_the_same_residual(module):
    pde = module.ReactiveBurgers()
    problem = module.growing_wave()
    # logistic growth of a uniform field: u = 1 / (1 + exp(-t))
    flat = solve_periodic(
        pde, {"u": torch.full((1, 16), 0.5)}, [1.0], Grid([problem.test_grid["x"].resized(16)])
    )["u"]
    torch.testing.assert_close(flat, torch.full_like(flat, 1 / (1 + torch.exp(torch.tensor(-1.0)).item())))


def test_its_residual_on_a_grid_vanishes_on_the_reference(module):
    problem = module.growing_wave()
    residual = grid_residual(problem.pde, problem.test_grid, {"u": problem.reference[0]}, accuracy=4)[
        "momentum"
    ]
    du_dt = problem.reference[0].diff(dim=1) / problem.test_grid["t"].spacing
    assert float(residual.abs().max()) < 1e-3 * float(du_dt.abs().max())


def test_it_trains_a_pinn(tmp_path):
    overrides = ["--output", str(tmp_path / "run"), "--train.stages", "[{optimizer: LBFGS, steps: 60}]"]
    config = load_config(
        "examples/reactive_burgers.yaml", [*overrides, "--train.balancer.name", "WeightedSum"]
    )
    report, _ = train(config)
    assert report["rel_l2"] < 5e-3
