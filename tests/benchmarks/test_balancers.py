"""ConFIG against the packages of its authors and of TorchJD: the figures of docs/optimizers.md. Run by `make bench`."""

import statistics
import time
from functools import partial

import pytest
import torch
from conflictfree.grad_operator import ConFIG_update
from torchjd.aggregation import ConFIG as TorchJDConFIG

from operators import MLP
from pdes.benchmarks import burgers_shock
from sciml.config import TrainConfig
from sciml.optim import ConFIG, config_direction, make_optimizer
from sciml.tasks import PinnTask
from sciml.train.steps import stepper_for

pytestmark = [pytest.mark.bench]
P = 1_000_000


def milliseconds(functions, rounds=9):
    """The median time of each, taken in turns, so that what else the machine does meets them all.

    A run before each that is measured brings the function's own data back to where it works.
    """
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            function()
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(values) for name, values in times.items()}


def error(update, exact):
    return float((update.double() - exact).norm() / exact.norm())


@pytest.mark.parametrize("m", [3, 8])
def test_config(m):
    """Gradients over four decades of length with a common part; TorchJD in float64 is the truth."""
    generator = torch.Generator().manual_seed(m)
    gradients = torch.randn(m, P, generator=generator) + 0.3 * torch.randn(P, generator=generator)
    gradients *= 10.0 ** torch.linspace(-2, 2, m)[:, None]
    ours = config_direction(gradients)
    in_float64 = gradients.double()
    cosines = in_float64 @ ours.double() / (in_float64.norm(dim=1) * ours.double().norm())
    spread = float((cosines.max() - cosines.min()) / cosines.mean())
    exact = TorchJDConFIG()(in_float64)
    peers = {"conflictfree": ConFIG_update, "torchjd": TorchJDConFIG()}
    all_three = {"sciml": config_direction, **peers}
    took = milliseconds({name: partial(function, gradients) for name, function in all_three.items()})
    print(
        f"\nConFIG, m = {m}, P = {P:.0e}, float32, {torch.get_num_threads()} thread(s): sciml {took['sciml']:.1f} ms, "
        f"error {error(ours, exact):.1e}, spread of the cosines {spread:.1e}"
    )
    assert spread < 1e-5
    assert error(ours, exact) < 1e-5
    for name, theirs in peers.items():
        ratio = took[name] / took["sciml"]
        print(f"{name}: {took[name]:.0f} ms ({ratio:.0f} times), error {error(theirs(gradients), exact):.1e}")
        assert ratio > 10


@pytest.mark.parametrize(("width", "points", "rounds"), [(20, (2540, 80, 160), 60), (710, (400, 40, 40), 9)])
def test_a_training_step(width, points, rounds):
    """Of ConFIG on Burgers' three losses, against their three backward passes and a step of Adam, taken in turns."""
    torch.manual_seed(0)
    network = MLP(2, 1, width=width, depth=3, lower=[-1, 0], upper=[1, 1])
    parameters = list(network.parameters())
    interior, boundary, initial = points
    task = PinnTask(burgers_shock(), interior=interior, conditions={"boundary": boundary, "initial": initial})
    batch = task.batch(0, network)
    adam = make_optimizer("Adam", parameters, {"lr": 1e-4})
    config = stepper_for(adam)(task, network, parameters, adam, ConFIG(), TrainConfig())

    def passes():
        losses = list(task.losses(network, batch).values())
        for index, loss in enumerate(losses):
            last = index + 1 == len(losses)
            gradients = torch.autograd.grad(loss, parameters, retain_graph=not last, allow_unused=True)
            for p, g in zip(parameters, gradients, strict=True):
                p.grad = g
        adam.step()

    took = milliseconds({"passes": passes, "ConFIG": lambda: config.take(batch, log=False)}, rounds)
    base, ours = took["passes"], took["ConFIG"]
    size = sum(p.numel() for p in parameters)
    print(
        f"\nP = {size:.1e}, {torch.get_num_threads()} thread(s): three backward passes and a step of Adam {base:.2f} ms, "
        f"a training step with ConFIG {ours:.2f} ms ({ours / base:.3f} times)"
    )
    assert ours <= 1.15 * base
