"""Operators by problems: relative L2 after equal times, ours and neuraloperator's.

All are trained alike: AdamW with a one-cycle schedule, the same batches, symmetries and normalisation, and the L2 loss unless a row says H1. Those of
neuraloperator see their own grid embedding and know nothing of where points lie, as in their own package. Our FNO is in it once more, trained
on coarse grids first; on Darcy flow both sides' FNO and TFNO are in it with more modes too, some with the H1 norm as the loss, and neuraloperator's
FNO once without the symmetries, which that package does not have.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import recorded
import torch
from recorded import Record
from torch import Tensor

from operators import Operator
from sciml.assemble import assemble
from sciml.config import Component, Config, DataConfig, RolloutConfig, Stage, TrainConfig
from sciml.data import make_resolutions
from sciml.evaluate import resolution_of, super_resolution
from sciml.tasks import NormalizedOperator, OperatorTask

PEER = "neuraloperator "
COARSE_FIRST = ", coarse grids first"
H1 = ", H1 loss"
ALONE = ", no symmetries"
FILES = {
    # data set: its recipe, samples, seed, and the resolutions of its files
    "darcy_train_{}.h5": ("darcy", 1000, 0, (43, 85)),
    "darcy_test_{}.h5": ("darcy", 200, 1, (43, 61, 85, 141, 211)),
    "ns_train_{}.h5": ("navier_stokes", 1000, 0, (64,)),
    "ns_test_{}.h5": ("navier_stokes", 200, 1, (64, 128)),
    "burgers_train_{}.h5": ("burgers", 1000, 0, (1024,)),
    "burgers_test_{}.h5": ("burgers", 200, 1, (256, 512, 1024, 2048, 8192)),
}


def make_files(folder: Path, kind: str) -> None:
    """Those of one data set that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (recipe, samples, seed, resolutions) in FILES.items():
        outs = {n: folder / name.format(n) for n in resolutions}
        if name.startswith(kind) and not all(out.is_file() for out in outs.values()):
            make_resolutions(recipe, outs, n_samples=samples, seed=seed, overwrite=True)


DARCY = DataConfig(
    train="darcy_train_43.h5",
    test=[f"darcy_test_{n}.h5" for n in (43, 61, 85, 141, 211)],
    inputs=["a"],
    targets=["u"],
    batch_size=20,
    normalize_targets="scale",
    symmetries=["reflections", "permutations"],
    average_symmetries=True,
)
FNO = Component("FNO", {"modes": [16, 16], "width": 32, "zero_boundary": True})
OURS = {
    "FNO": FNO,
    "FNO" + COARSE_FIRST: FNO,
    "TFNO": Component("TFNO", {"modes": [16, 16], "width": 32, "rank": 0.1, "zero_boundary": True}),
    "FactorizedFNO": Component("FactorizedFNO", {"modes": [16, 16], "width": 48, "zero_boundary": True}),
    "UNO": Component("UNO", {"modes": [16, 16], "width": 24, "zero_boundary": True}),
    "GalerkinTransformer": Component(
        "GalerkinTransformer", {"coarse": 22, "width": 64, "decoder_width": 32, "zero_boundary": True}
    ),
    "Transolver": Component(
        "Transolver", {"width": 64, "layers": 4, "heads": 4, "slices": 32, "zero_boundary": True}
    ),
    "DeepONet": Component("DeepONet", {"zero_boundary": True}),
    "MultiONet": Component("MultiONet", {"zero_boundary": True}),
}
THEIRS = {
    PEER + "FNO": Component("FNO", {"n_modes": [16, 16], "hidden_channels": 32}),
    PEER + "TFNO": Component(
        "TFNO", {"n_modes": [16, 16], "hidden_channels": 32, "factorization": "Tucker", "rank": 0.1}
    ),
    PEER + "UNO": Component(
        "UNO",
        {
            "hidden_channels": 32,
            "n_layers": 5,
            "channel_mlp_skip": "linear",
            "uno_out_channels": [32, 64, 64, 64, 32],
            "uno_n_modes": [[16, 16], [8, 8], [8, 8], [8, 8], [16, 16]],
            "uno_scalings": [[1.0, 1.0], [0.5, 0.5], [1, 1], [1, 1], [2, 2]],
        },
    ),
}
MORE_MODES = Component("FNO", {"modes": [24, 24], "width": 32, "zero_boundary": True})
MORE_MODES_FACTORISED = Component("TFNO", MORE_MODES.options | {"rank": 0.1})
THEIR_MORE_MODES = Component("FNO", {"n_modes": [24, 24], "hidden_channels": 32})
THEIR_MORE_MODES_FACTORISED = Component(
    "TFNO", THEIR_MORE_MODES.options | {"factorization": "Tucker", "rank": 0.1}
)
ONLY = {  # models, or their settings, for one problem
    "darcy_43": {  # where the coefficient jumps
        "FNO, 24 modes": MORE_MODES,
        "FNO, 24 modes" + H1: MORE_MODES,
        "TFNO, 24 modes" + H1: MORE_MODES_FACTORISED,
        PEER + "FNO, 24 modes": THEIR_MORE_MODES,
        PEER + "FNO, 24 modes" + ALONE: THEIR_MORE_MODES,
        PEER + "FNO, 24 modes" + H1: THEIR_MORE_MODES,
        PEER + "TFNO, 24 modes": THEIR_MORE_MODES_FACTORISED,
        "LSM": Component("LSM", {"width": 24, "zero_boundary": True}),
    },
    "navier_stokes": {
        "LSM": Component("LSM", {"width": 24, "patch": 4}),  # patches of 3 would pad 64 points to 96
        # the vertices of the other problem's resolutions have no padding in common
        "MG-TFNO": Component(
            "MultiGridPatching",
            {"model": "TFNO", "settings": {"modes": [16, 16], "width": 32, "rank": 0.1}, "padding": 0.25},
        ),
    },
}
RATES = {
    "darcy_43": {
        "FNO": 5e-3,
        "FNO" + COARSE_FIRST: 5e-3,
        "FNO, 24 modes": 3e-3,
        "FNO, 24 modes" + H1: 1e-2,
        "TFNO": 5e-3,
        "TFNO, 24 modes" + H1: 1e-2,
        "UNO": 5e-3,
        PEER + "FNO": 5e-3,
        PEER + "FNO, 24 modes": 1e-2,
        PEER + "FNO, 24 modes" + ALONE: 1e-2,
        PEER + "FNO, 24 modes" + H1: 1e-2,
        PEER + "TFNO": 5e-3,
        PEER + "TFNO, 24 modes": 1e-2,
        "Transolver": 1e-3,
    },
    "navier_stokes": {
        "FNO" + COARSE_FIRST: 3e-3,
        PEER + "FNO": 1e-2,
        PEER + "TFNO": 5e-3,
        "Transolver": 1e-3,
    },
}
"""Learning rates that differ from the others', 2e-3."""
SEEDS = (0,)


class Peer(Operator):
    """A model of neuraloperator as it is, on whatever grid."""

    def __init__(
        self, in_channels: int, out_channels: int, model: str, settings: dict[str, Any], grid: list[str]
    ) -> None:
        super().__init__(in_channels, out_channels, dims=len(grid), grid=grid)
        from neuralop import models

        self.model = getattr(models, model)(
            in_channels=in_channels, out_channels=out_channels, **deepcopy(settings)
        )

    def operate(self, x: Tensor, points: list[Tensor]) -> Tensor:
        return self.model(x)


NAVIER_STOKES = DataConfig(
    train="ns_train_64.h5",
    test=["ns_test_64.h5", "ns_test_128.h5"],
    inputs=["w[0:10]"],
    targets=["w[10:50]"],
    batch_size=20,
)
PROBLEMS = {
    "darcy_43": (replace(DARCY, test=["darcy_test_43.h5", "darcy_test_85.h5"]), None),
    "navier_stokes": (NAVIER_STOKES, RolloutConfig()),
}
FINE_SAMPLES = 50
"""Of roll-outs on the finer grid, which take the most time."""


def components(problem: str) -> dict[str, Component]:
    """The models of a problem's table by their names in it."""
    return OURS | THEIRS | ONLY[problem]


def configuration(problem: str, model: str, seed: int, seconds: float, data: Path) -> Config:
    fields, rollout = PROBLEMS[problem]
    # one of neuraloperator comes into the place of an FNO
    component = deepcopy(FNO if model.startswith(PEER) else components(problem)[model])
    if model.endswith(COARSE_FIRST):
        fields = replace(fields, coarsen=[2], coarse_until=0.7)
    if model.endswith(ALONE):
        fields = replace(fields, symmetries=[], average_symmetries=False)
    if rollout is not None:  # a torus has no walls
        component.options.pop("zero_boundary", None)
    return Config(
        name=f"{problem}-{model}-{seed}",
        seed=seed,
        device="cpu",
        threads=1,
        data=replace(fields, train=str(data / fields.train), test=[str(data / name) for name in fields.test]),
        model=component,
        train=TrainConfig(
            stages=[
                Stage(
                    "AdamW",
                    steps=10**7,
                    schedule="one-cycle",
                    options={"lr": RATES[problem].get(model, 2e-3), "weight_decay": 1e-4},
                )
            ],
            loss="h1" if model.endswith(H1) else "l2",
            rollout=rollout,
            max_seconds=seconds,
        ),
    )


def measure(problem: str, model: str, seed: int, seconds: float, data: str) -> Record:
    """One run: its relative L2 on each test file, infinite where it diverges, and how many steps it took."""
    config = configuration(problem, model, seed, seconds, Path(data))
    task, network, rules, _ = assemble(config)
    assert isinstance(task, OperatorTask)
    assert isinstance(network, NormalizedOperator)
    if model.startswith(PEER):
        torch.manual_seed(seed)
        old = network.operator
        peer = components(problem)[model]
        network.operator = Peer(old.in_channels, old.out_channels, peer.name, peer.options, list(old.grid))
    # judged once, after training
    tests, task.tests = task.tests, []
    if network.operator.resolution_bound:
        del tests[1:]
    elif PROBLEMS[problem][1] is not None:
        tests[1:] = [
            replace(test, inputs=test.inputs[:FINE_SAMPLES], targets=test.targets[:FINE_SAMPLES])
            for test in tests[1:]
        ]
    steps, finite = recorded.fit(config, task, network, rules)
    if finite:
        rows = super_resolution(task.predictor(network), task.grid, tests)
    else:
        rows = [
            {"resolution": resolution_of(test.grid), "rel_l2": math.inf, "interpolated_rel_l2": None}
            for test in tests
        ]
    return {
        "problem": problem,
        "model": model,
        "seed": seed,
        "seconds": seconds,
        "parameters": sum(p.numel() * (2 if p.is_complex() else 1) for p in network.parameters()),
        "steps": steps,
        "rel_l2": {str(row["resolution"]): row["rel_l2"] for row in rows},
        "interpolated": {str(row["resolution"]): row["interpolated_rel_l2"] for row in rows},
    }


def runs(problem: str, seconds: float) -> list[tuple[str, str, int, float]]:
    """The arguments of `measure` for one problem, but for the folder of the data."""
    return [(problem, name, seed, seconds) for name in components(problem) for seed in SEEDS]


def medians(
    records: Mapping[str, Record], problem: str, seconds: float, error: str = "rel_l2"
) -> dict[str, dict[str, float]]:
    """By model and resolution, the median over the seeds of its error, or of the control's, "interpolated"."""
    found: dict[str, dict[str, list[float]]] = {}
    for record in records.values():
        if (record["problem"], record["seconds"]) == (problem, seconds):
            for resolution, value in record[error].items():
                if value is not None:
                    found.setdefault(record["model"], {}).setdefault(resolution, []).append(value)
    return {
        model: {resolution: statistics.median(values) for resolution, values in row.items()}
        for model, row in found.items()
    }


def markdown(records: Mapping[str, Record], problem: str, seconds: float) -> str:
    """The table of a problem: parameters, steps, the error at each resolution and that of the control, best first."""
    rows = medians(records, problem, seconds)
    controls = medians(records, problem, seconds, "interpolated")
    some = {r["model"]: r for r in records.values() if (r["problem"], r["seconds"]) == (problem, seconds)}
    first, *finer = max(rows.values(), key=len)
    columns = ["parameters", "steps", first, *(name for n in finer for name in (n, f"interpolated to {n}"))]
    lines = [
        f"| {problem}, {seconds / 60:g} min | " + " | ".join(columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for model, row in sorted(rows.items(), key=lambda item: item[1][first]):
        errors = [row[first], *(e for n in finer for e in (row.get(n), controls.get(model, {}).get(n)))]
        cells = " | ".join("" if e is None else f"{e:.2e}" for e in errors)
        lines.append(f"| {model} | {some[model]['parameters']:,} | {some[model]['steps']} | {cells} |")
    return "\n".join(lines)
