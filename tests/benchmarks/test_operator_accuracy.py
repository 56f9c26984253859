"""How accurate operators become, at the training resolution and zero-shot at others. Run by `make bench-operators`.

SCIML_BENCH_SECONDS shortens all budgets, and then no error is asserted, only that resolutions agree. Data sets are made in the folder
SCIML_OPERATOR_DATA (runs/operators/data) where it does not hold them. `make bench-operators` has two runs side by side, with a thread each.
"""

import dataclasses
import os
from pathlib import Path

import operator_table
import pytest

from sciml.config import Component, Config, DataConfig, Stage, TrainConfig
from sciml.experiment import train

pytestmark = [pytest.mark.bench]
SHORTENED = float(os.environ.get("SCIML_BENCH_SECONDS", "inf"))
DATA = Path(os.environ.get("SCIML_OPERATOR_DATA", "runs/operators/data"))
MINUTE = 60.0
BURGERS = DataConfig(
    train="burgers_train_1024.h5",
    test=[f"burgers_test_{n}.h5" for n in (256, 512, 1024, 2048, 8192)],
    inputs=["u[0]"],
    targets=["u[-1]"],
    batch_size=20,
)
DARCY = operator_table.DARCY
DARCY_85 = dataclasses.replace(
    DARCY, train="darcy_train_85.h5", test=["darcy_test_85.h5"], coarsen=[2], coarse_until=0.7
)


def errors(data, model, rate, seconds, folder, loss="l2"):
    """By resolution, the relative L2 of a model trained for some seconds, and that of its control; and its parameters."""
    operator_table.make_files(DATA, data.train.split("_")[0])
    stage = Stage("AdamW", steps=10**7, schedule="one-cycle", options={"lr": rate, "weight_decay": 1e-4})
    config = Config(
        output=str(folder),
        data=dataclasses.replace(
            data, train=str(DATA / data.train), test=[str(DATA / name) for name in data.test]
        ),
        model=model,
        train=TrainConfig(stages=[stage], loss=loss, max_seconds=min(seconds, SHORTENED)),
    )
    report, table = train(config)
    print(
        f"\n{model.name} {model.options}, {report['n_params']} parameters, {report['wall_s']:.0f} s\n{table}"
    )
    rows = {row["resolution"]: row for row in report["superresolution"]}
    found = {n: row["rel_l2"] for n, row in rows.items()}
    return found, {n: row["interpolated_rel_l2"] for n, row in rows.items()}, report["n_params"]


def test_burgers_fno(tmp_path):
    """At 1024 points, and the same error at all others."""
    model = Component("FNO", {"modes": [24], "width": 48, "coordinates": False})
    found, _, _ = errors(BURGERS, model, 4e-3, 10 * MINUTE, tmp_path / "run")
    if SHORTENED >= 10 * MINUTE:
        assert found[1024] <= 2.5e-3
    assert all(error <= 1.02 * found[1024] for error in found.values())


def test_burgers_galerkin(tmp_path):
    model = Component("GalerkinTransformer", {"modes": [24], "coarse": 64})
    found, _, _ = errors(
        dataclasses.replace(BURGERS, batch_size=10), model, 1e-3, 10 * MINUTE, tmp_path / "run"
    )
    if SHORTENED >= 10 * MINUTE:
        assert found[1024] <= 1.5e-3


def test_darcy_super_resolution(tmp_path):
    """Trained at 43 x 43: within 1.1 of its error there up to 211 x 211, and below interpolation."""
    model = operator_table.MORE_MODES_FACTORISED
    found, control, _ = errors(DARCY, model, 1e-2, 10 * MINUTE, tmp_path / "run", loss="h1")
    if SHORTENED >= 10 * MINUTE:
        for n in (61, 85, 141, 211):
            assert found[n] <= 1.1 * found[43]
            assert found[n] < control[n]


def test_darcy_85(tmp_path):
    """Trained on 43 x 43 points of the same samples first, where a step takes a third of the time."""
    model = Component("FNO", {"modes": [24, 24], "width": 32, "zero_boundary": True})
    found, _, _ = errors(DARCY_85, model, 3e-3, 30 * MINUTE, tmp_path / "run")
    if SHORTENED >= 30 * MINUTE:
        assert found[85] <= 7.6e-3


def test_coarse_grids_first(tmp_path):
    """What `data.coarse_until` gains at 85 x 85 points in 400 s."""
    model = Component("FNO", {"modes": [24, 24], "width": 32, "zero_boundary": True})
    alone = dataclasses.replace(DARCY_85, coarsen=[], coarse_until=None)
    fine, _, _ = errors(alone, model, 3e-3, 400, tmp_path / "fine")
    first, _, _ = errors(DARCY_85, model, 3e-3, 400, tmp_path / "first")
    if SHORTENED >= 400:
        assert first[85] < fine[85]


def test_tfno_at_rank_a_tenth(tmp_path):
    """At least 8 times fewer parameters than the FNO, with an error within 1.1 times its own."""
    options = {"modes": [16, 16], "width": 32, "zero_boundary": True}
    dense, _, many = errors(DARCY, Component("FNO", options), 3e-3, 10 * MINUTE, tmp_path / "dense")
    model = Component("TFNO", {**options, "rank": 0.1})
    factorised, _, few = errors(DARCY, model, 3e-3, 10 * MINUTE, tmp_path / "factorised")
    print(
        f"\nTFNO: {many / few:.1f} times fewer parameters, {factorised[43] / dense[43]:.3f} times the error"
    )
    assert many >= 8 * few
    if SHORTENED >= 10 * MINUTE:
        assert factorised[43] <= 1.1 * dense[43]
