"""Losses with our kernels and their gradients, and the same under `train.compile`. Run by `make bench-pinn`."""

from dataclasses import replace

import pytest
import torch
from measure import in_turn

import operators
from pdes.benchmarks import burgers_shock
from sciml.tasks import PinnTask
from sciml.train.compiled import CompiledLosses

pytestmark = [pytest.mark.bench]


@pytest.mark.parametrize(
    ("name", "options", "interior"),
    [
        ("MLP", {"width": 20, "depth": 3}, 2540),
        ("MLP", {"width": 50, "depth": 5}, 10_000),
        ("MLP", {"width": 128, "depth": 4}, 2540),
        ("FourierMLP", {}, 2540),
        ("PirateNet", {}, 2540),
    ],
)
def test_compiled_loss(name, options, interior):
    problem = replace(burgers_shock(), reference=None)
    task = PinnTask(problem, interior=interior, conditions={"boundary": 80, "initial": 160})
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = getattr(operators, name)(2, 1, lower=problem.domain.lower, upper=problem.domain.upper, **options)
    compiled, batch = CompiledLosses(task), task.batch(0, model)
    compiled.load_state_dict({"chosen": True})

    def step(losses):
        def gradients():
            model.zero_grad()
            torch.stack(list(losses(model, batch).values())).sum().backward()

        return gradients

    try:
        times = in_turn({"kernels": step(task.losses), "compiled": step(compiled)}, rounds=25, warm_up=3)
    finally:
        torch.set_num_threads(before)
    print(f"\n{name} {options}, {interior} points:", {k: f"{1e3 * v:.2f} ms" for k, v in times.items()})
    torch.testing.assert_close(compiled(model, batch), task.losses(model, batch), rtol=1e-4, atol=1e-6)
