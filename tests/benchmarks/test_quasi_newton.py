"""Quasi-Newton methods on two PINNs in equal CPU time: the figures of docs/optimizers.md. Run by `make bench-pinn`."""

import time

import pytest
import torch

from sciml.assemble import assemble
from sciml.benchmarks import benchmark_config
from sciml.config_file import load_config
from sciml.optim import make_optimizer
from sciml.train.steps import stepper_for

pytestmark = [pytest.mark.bench]
OPTIMIZERS = ("LBFGS", "BFGS", "SSBFGS", "SSBroyden", "LevenbergMarquardt")
WARM_UP = 200
"""Steps of Adam at the start, but for Levenberg-Marquardt."""


def error_after(problem, optimizer, seconds, interior):
    """Relative L2 of the configuration of a benchmark with another optimiser, after CPU seconds of one thread."""
    options = [
        "--points.interior_max",
        "null",
        "--points.redraw_above",
        "null",
        "--points.resample_every",
        "10",
    ]
    config = load_config(
        benchmark_config(problem), [*options, "--points.interior", str(interior), "--threads", "1"]
    )
    task, model, (balancer,), _ = assemble(config)
    parameters = list(model.parameters())

    def stepper(name, options):
        made = make_optimizer(name, parameters, options)
        return stepper_for(made)(task, model, parameters, made, balancer, config.train)

    adam, main = stepper("Adam", {"lr": 3e-3}), stepper(optimizer, {})
    start = time.process_time()
    if optimizer != "LevenbergMarquardt":
        for _ in range(WARM_UP):
            adam.take(task.batch(0, model), log=False)
    step = 0
    while time.process_time() - start < seconds:
        main.take(task.batch(step, model), log=False)
        step += 1
    return task.validate(model)["rel_l2"], step


@pytest.mark.parametrize(
    ("problem", "seconds", "interior"), [("poisson_2d", 20, 1000), ("burgers_shock", 60, 2500)]
)
def test_self_scaling_in_equal_cpu_time(problem, seconds, interior):
    threads = torch.get_num_threads()
    try:
        found = {name: error_after(problem, name, seconds, interior) for name in OPTIMIZERS}
    finally:
        torch.set_num_threads(threads)
    print(f"\n{problem}, {seconds} s of CPU time on one thread, {interior} points redrawn every 10 steps:")
    for name, (error, steps) in found.items():
        print(f"  {name:<18} {error:.1e} after {steps} steps")
    assert found["SSBroyden"][0] < found["LBFGS"][0] / 5
    assert found["SSBFGS"][0] < found["LBFGS"][0]
