"""A step of Adam with our kernels, with plain jets of torch, and with these under `torch.compile`. Run by `make bench-pinn`.

The plain jets are those of an MLP on Burgers' equation, with u_t - ν u_xx as one derivative; steps of all are taken in turn.
"""

import math
import statistics
import time
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from operators import MLP
from pdes.benchmarks import burgers_shock
from sciml.tasks import PinnTask

pytestmark = [pytest.mark.bench]
TURNS, STEPS = 6, 7


def plain_loss(problem, batch):
    """The loss as a function of an `MLP`: z, z_x and the combination c = z_t - ν z_xx go through its layers."""
    interior, boundary, initial = (batch[name] for name in ("interior", "boundary", "initial"))
    n, m, nu = len(interior), len(boundary), problem.pde.nu
    lower, upper = (torch.tensor(bound) for bound in (problem.domain.lower, problem.domain.upper))
    scale = 2 / (upper - lower)
    values = (torch.cat([interior, boundary, initial]) - lower) * scale - 1
    by_x, combined = (scale * torch.tensor(axis) * torch.ones(n, 1) for axis in ([1.0, 0.0], [0.0, 1.0]))
    target = -torch.sin(math.pi * initial[:, 0])

    def loss(model):
        z, x, c = values, by_x, combined
        *hidden, last = model.layers
        for layer in (*hidden, last):
            z = F.linear(z, layer.weight, layer.bias)
            x, c = F.linear(torch.cat([x, c]), layer.weight).split(n)
            if layer is not last:
                z = torch.tanh(z)
                a = z[:n]
                p = 1 - a * a
                x, c = p * x, p * c + 2 * nu * a * p * x * x
        u = z[:, 0]
        r = c[:, 0] + u[:n] * x[:, 0]
        return r.square().mean() + u[n : n + m].square().mean() + (u[n + m :] - target).square().mean()

    return loss


def stepper(loss, model):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step():
        value = loss(model)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return float(value.detach())

    return step


def milliseconds(step):
    start = time.perf_counter()
    step()
    return 1e3 * (time.perf_counter() - start)


@pytest.mark.parametrize(
    ("width", "depth", "interior"),
    [(20, 3, 2540), (50, 5, 2540), (50, 5, 10_000), (128, 4, 2540), (200, 4, 2540)],
)
def test_compiled_loss(width, depth, interior):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        problem = replace(burgers_shock(), reference=None)
        rest = {"boundary": max(80, interior // 40), "initial": max(160, interior // 40)}
        task = PinnTask(problem, interior=interior, conditions=rest)
        bounds = {"lower": problem.domain.lower, "upper": problem.domain.upper}

        def network():
            torch.manual_seed(0)
            return MLP(2, 1, width=width, depth=depth, **bounds)

        batch = task.batch(0, network())
        plain = plain_loss(problem, batch)
        losses = {
            "kernels": lambda model: torch.stack(list(task.losses(model, batch).values())).sum(),
            "plain torch": plain,
            "compiled": torch.compile(plain, fullgraph=True),
        }
        steps = {name: stepper(loss, network()) for name, loss in losses.items()}
        values = [step() for step in steps.values()]
        times = {name: [] for name in steps}
        for _ in range(TURNS):
            for name, step in steps.items():
                times[name].append(statistics.median(milliseconds(step) for _ in range(STEPS)))
    finally:
        torch.set_num_threads(before)
    print(
        f"\n{depth} x {width}, {interior} points:",
        {k: f"{statistics.median(v):.2f} ms" for k, v in times.items()},
    )
    assert values == pytest.approx([values[0]] * 3, rel=1e-5)
