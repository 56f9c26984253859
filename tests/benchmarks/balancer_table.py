"""Balancers by benchmarks: relative L2 after equal times, several seeds.

The set-up is that of Q. Liu, M. Chu, N. Thuerey (arXiv:2408.11104): a tanh network from Glorot's distribution, Adam at a
learning rate of 1e-3 with a cosine schedule. They train 5 x 50 neurons on 10,000 to 25,000 points, drawn anew in each
step, for 30,000 to 100,000 steps; here the points are drawn anew every ten steps, 4 x 32 neurons on 1000 points of the
equation and 100 of each condition, so that some thousand steps fit into the time. MultiAdam is that of its paper (arXiv:2306.02816): the equations and the
conditions as its two groups, both betas 0.99, the same learning rate.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

import recorded
import torch
from recorded import Record

import pdes.benchmarks
from pdes import Problem, point_residual
from sciml.assemble import assemble
from sciml.config import Component, Config, PointsConfig, Stage, TrainConfig

BENCHMARKS = ("burgers_shock", "schroedinger", "kovasznay", "beltrami", "helmholtz_2d", "klein_gordon")
SEEDS = (0, 1, 2)


def balancers(equations: list[str], conditions: list[str]) -> dict[str, Component]:
    """The rows of the table, for a problem with these losses."""
    return {
        "WeightedSum": Component("WeightedSum"),
        "ConFIG": Component("ConFIG"),
        "MomentumConFIG": Component("MomentumConFIG"),
        "MultiAdam": Component(
            "MultiAdam", {"groups": {"equations": equations, "conditions": conditions}, "betas": [0.99, 0.99]}
        ),
        "LRA": Component("LRA", {"reference": equations}),
        "NTK": Component("NTK"),
        "ReLoBRaLo": Component("ReLoBRaLo"),
        "DWA": Component("DWA"),
        "SelfAdaptive": Component("SelfAdaptive"),
        **{name: Component("TorchJD", {"aggregator": name}) for name in ("PCGrad", "IMTLG", "UPGrad")},
    }


def losses_of(benchmark: str) -> tuple[list[str], list[str]]:
    """The names of the equations' residuals and of the conditions."""
    problem: Problem = getattr(pdes.benchmarks, benchmark)()
    fields = len(problem.pde.fields)
    points = problem.domain.sample(2, torch.Generator(), torch.float64)
    residuals = point_residual(
        problem.pde, lambda z: torch.sin(z.sum(1, keepdim=True).expand(-1, fields)), points, problem.inputs
    )
    return list(residuals), [condition.name for condition in problem.conditions]


def optimizer_of(balancer: str) -> str:
    """Adam, but for those with moments of their own, whose update is applied as it is."""
    return "SGD" if balancer in ("MomentumConFIG", "MultiAdam") else "Adam"


def configuration(benchmark: str, balancer: str, seed: int, seconds: float) -> Config:
    equations, conditions = losses_of(benchmark)
    component = balancers(equations, conditions)[balancer]
    return Config(
        name=f"{benchmark}-{balancer}-{seed}",
        seed=seed,
        device="cpu",
        threads=1,
        problem=Component(benchmark),
        points=PointsConfig(1000, conditions=dict.fromkeys(conditions, 100), resample_every=10),
        model=Component("MLP", {"width": 32, "depth": 4}),
        train=TrainConfig(
            stages=[Stage(optimizer_of(balancer), steps=10**7, schedule="cosine", options={"lr": 1e-3})],
            balancer=component,
            max_seconds=seconds,
        ),
    )


def measure(benchmark: str, balancer: str, seed: int, seconds: float) -> Record:
    """One run: its relative L2, infinite where it diverges, and how many steps it took."""
    config = configuration(benchmark, balancer, seed, seconds)
    task, model, rules, _ = assemble(config)
    steps, finite = recorded.fit(config, task, model, rules)
    error = task.validate(model)["rel_l2"] if finite else math.inf
    return {
        "benchmark": benchmark,
        "balancer": balancer,
        "seed": seed,
        "seconds": seconds,
        "rel_l2": error,
        "steps": steps,
    }


def runs(benchmark: str, seconds: float) -> list[tuple[str, str, int, float]]:
    """The arguments of `measure` for a column of the table."""
    return [(benchmark, balancer, seed, seconds) for seed in SEEDS for balancer in balancers([], [])]


def markdown(records: Mapping[str, Record], seconds: float) -> str:
    """The table: median of the seeds, with the least and the largest; the least median of a benchmark in bold."""
    cells: dict[tuple[str, str], list[float]] = {}
    for record in records.values():
        if record["seconds"] == seconds:
            cells.setdefault((record["balancer"], record["benchmark"]), []).append(record["rel_l2"])
    columns = [name for name in BENCHMARKS if any(benchmark == name for _, benchmark in cells)]
    medians = {place: statistics.median(values) for place, values in cells.items()}
    best = {name: min(m for (_, benchmark), m in medians.items() if benchmark == name) for name in columns}
    lines = [f"| {seconds:g} s | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for balancer in balancers([], []):
        row = [balancer]
        for name in columns:
            values = cells.get((balancer, name))
            if values is None:
                row.append("")
                continue
            median = f"{statistics.median(values):.2g}"
            if medians[balancer, name] == best[name]:
                median = f"**{median}**"
            row.append(f"{median} ({min(values):.2g} to {max(values):.2g})")
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)
