"""Balancers in the set-ups of their papers: equal steps, the test error and the time of a seed.

ConFIG's (Q. Liu, M. Chu, N. Thuerey, arXiv:2408.11104): 5 x 50 tanh from Glorot's distribution, points drawn anew in each
step, Adam at a learning rate that rises to 1e-3 in 100 steps and falls to 1e-4 as a cosine. MultiAdam's (J. Yao et al.,
arXiv:2306.02816), as in the benchmark of its authors (arXiv:2306.08827): points that stay, and a learning rate of 1e-3; the
equations and the conditions are its two groups, both betas 0.99.

Two things differ: points are of a scrambled Sobol sequence in place of a Latin hypercube, and networks see coordinates
scaled to [-1, 1].
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import balancer_table
import torch
from recorded import Record

from sciml.assemble import assemble
from sciml.config import Component, Config, PointsConfig, Stage

COLUMNS = ("rel_l2", "mse", "seconds")
WARM_UP = 100


@dataclass(frozen=True)
class Setup:
    """How a paper trains on one problem.

    Parameters
    ----------
    interior, condition : points of the equation and of each condition
    redraw : new points in each step
    last_rate : the learning rate at the end; the same as before, and no warm-up, where it is `RATE`
    balancers : the sum and what the paper is about
    """

    interior: int
    condition: int
    steps: int
    width: int
    redraw: bool
    last_rate: float
    balancers: tuple[str, ...]


RATE = 1e-3
_config = partial(
    Setup, width=50, redraw=True, last_rate=1e-4, balancers=("WeightedSum", "ConFIG", "MomentumConFIG")
)
_multiadam = partial(Setup, width=100, redraw=False, last_rate=RATE, balancers=("WeightedSum", "MultiAdam"))
SETUPS = {
    "burgers_shock": _config(10_000, 250, 30_000),
    "helmholtz_2d": _multiadam(8192, 2048, 20_000),
    "kovasznay": _config(20_000, 1000, 100_000),
    "beltrami": _config(25_000, 5000, 100_000),
    "schroedinger": _config(20_000, 500, 100_000),
}


def learning_rate(setup: Setup, step: int, steps: int) -> float:
    if setup.last_rate == RATE:
        return RATE
    if step < WARM_UP:
        return RATE * (step + 1) / WARM_UP
    progress = (step - WARM_UP) / (steps - WARM_UP)
    return setup.last_rate + (RATE - setup.last_rate) * 0.5 * (1 + math.cos(math.pi * progress))


def configuration(benchmark: str, balancer: str, seed: int, steps: int) -> Config:
    setup = SETUPS[benchmark]
    config = balancer_table.configuration(benchmark, balancer, seed, math.inf)
    points = PointsConfig(
        setup.interior,
        conditions=dict.fromkeys(config.points.conditions, setup.condition),
        resample_every=int(setup.redraw),
    )
    stages = [Stage(config.train.stages[0].optimizer, steps=steps)]
    return replace(
        config,
        points=points,
        model=Component("MLP", {"width": setup.width, "depth": 5}),
        train=replace(config.train, stages=stages, max_seconds=None),
    )


def measure(benchmark: str, balancer: str, seed: int, steps: int, tenths: int = 10) -> Record:
    """One run, or its first ``tenths``: its relative L2 and mean squared error, infinite where it diverges, and its CPU seconds."""
    config = configuration(benchmark, balancer, seed, steps)
    torch.set_num_threads(1)
    task, model, (rule,), _ = assemble(config)
    parameters = list(model.parameters())
    optimizer = getattr(torch.optim, config.train.stages[0].optimizer)(parameters, fused=True)
    start = time.process_time()
    history = []
    for step in range(steps * tenths // 10):
        optimizer.param_groups[0]["lr"] = learning_rate(SETUPS[benchmark], step, steps)
        rule.backward(task.losses_of(model, task.batch(step, model), rule.due()), parameters)
        optimizer.step()
        if (step + 1) % max(steps // 10, 1) == 0:
            history.append(task.validate(model)["rel_l2"])
    seconds = time.process_time() - start
    error = history[-1] if math.isfinite(history[-1]) else math.inf
    truth = task.problem.truth()
    return {
        "benchmark": benchmark,
        "balancer": balancer,
        "seed": seed,
        "steps": steps,
        "rel_l2": error,
        "mse": error**2 * float(truth.square().mean()),
        "seconds": seconds,
        "history": history,
    }


def runs(benchmark: str, seeds: int, share: float) -> list[tuple[str, str, int, int]]:
    """The arguments of `measure` for a column of the table, with a share of the paper's steps."""
    setup = SETUPS[benchmark]
    steps = round(share * setup.steps)
    return [(benchmark, balancer, seed, steps) for seed in range(seeds) for balancer in setup.balancers]


def markdown(records: Mapping[str, Record]) -> str:
    """The table: medians of the seeds there are, the errors with the least and the largest."""
    cells: dict[tuple[str, int, str], list[Record]] = {}
    for record in records.values():
        cells.setdefault((record["benchmark"], record["steps"], record["balancer"]), []).append(record)
    lines = [
        "| problem, steps | balancer | relative L2 | mean squared error | CPU time | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    order = sorted(cells, key=lambda cell: (*cell[:2], SETUPS[cell[0]].balancers.index(cell[2])))
    for benchmark, steps, balancer in order:
        found = {name: [record[name] for record in cells[benchmark, steps, balancer]] for name in COLUMNS}
        error, mse, seconds = map(statistics.median, found.values())
        spread = f"({min(found['rel_l2']):.2g} to {max(found['rel_l2']):.2g})"
        lines.append(
            f"| {benchmark}, {steps} | {balancer} | {error:.2g} {spread} | {mse:.2g} | {seconds:.0f} s | {len(found['mse'])} |"
        )
    return "\n".join(lines)
