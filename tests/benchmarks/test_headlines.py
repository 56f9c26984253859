"""The figures of docs/benchmarks.md: our own commands, and the peers on the same machine. Run by `make bench`.

Each test prints what it measured; run them on an otherwise idle machine.
"""

import time

import numpy as np
import pytest
import torch

from pdes.benchmarks import burgers_shock
from sciml import load_config
from sciml.data import FieldDataset, convert
from sciml.evaluate import relative_l2
from sciml.experiment import train

pytestmark = [pytest.mark.bench]
SECONDS = 60


@pytest.fixture(scope="module")
def darcy(tmp_path_factory, darcy_small):
    """neuraloperator's small Darcy data in our format: as it is, and completed by the walls where u = 0.

    The walls add zeros to prediction and truth, so that relative errors on both grids are the same number.
    """
    folder = tmp_path_factory.mktemp("darcy")
    for name in ("train_16", "test_16", "test_32"):
        source, rename = darcy_small / f"darcy_{name}.pt", {"x": "a", "y": "u"}
        convert(source, folder / f"{name}.h5", rename=rename, grid="half-open")
        convert(source, folder / f"{name}_walls.h5", rename=rename, grid="half-open", walls={"u": 0.0})
    return folder


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_darcy(darcy, tmp_path, seed):
    overrides = [
        "--data.train",
        f"{darcy}/train_16_walls.h5",
        "--data.test",
        f"[{darcy}/test_16_walls.h5,{darcy}/test_32_walls.h5]",
    ]
    overrides += ["--train.max_seconds", str(SECONDS), "--output", str(tmp_path / "run"), "--seed", str(seed)]
    report, _ = train(load_config("examples/darcy_fno.yaml", overrides))
    coarse, fine = (row["rel_l2"] for row in report["superresolution"])
    print(f"\nsciml FNO, Darcy, seed {seed}: {coarse:.4f} at 16, {fine:.4f} at 32, {report['wall_s']:.0f} s")
    assert coarse <= 0.072
    assert fine <= 0.062
    assert report["wall_s"] <= SECONDS


def test_darcy_neuraloperator(darcy):
    """neuraloperator's own model, loss and optimiser, with the same budget."""
    from neuralop import H1Loss, models
    from neuralop.training import AdamW

    torch.manual_seed(0)
    (x, y), *tests = (
        FieldDataset(darcy / f"{name}.h5", ["a"], ["u"]).load() for name in ("train_16", "test_16", "test_32")
    )
    mean, std = y.mean(), y.std()
    model = models.FNO(n_modes=(8, 8), in_channels=1, out_channels=1, hidden_channels=24)
    optimizer, loss = AdamW(model.parameters(), lr=1e-2, weight_decay=1e-4), H1Loss(d=2)
    start, order = time.perf_counter(), torch.Generator().manual_seed(0)
    while (elapsed := time.perf_counter() - start) < SECONDS:
        for index in torch.randperm(len(x), generator=order).split(64):
            for group in optimizer.param_groups:
                group["lr"] = 1e-2 * 0.5 * (1 + np.cos(np.pi * min(elapsed / SECONDS, 1)))
            optimizer.zero_grad()
            loss(model(x[index]), (y[index] - mean) / std).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        coarse, fine = (float(relative_l2(model(a) * std + mean, u).mean()) for a, u in tests)
    print(f"\nneuraloperator FNO, Darcy: {coarse:.4f} at 16, {fine:.4f} at 32, {SECONDS} s")
    assert coarse < 0.2


def test_burgers_shock_deepxde(monkeypatch, request):
    """DeepXDE's own set-up of the problem in float64 (in float32 its L-BFGS stops at once): Adam, then L-BFGS."""
    monkeypatch.setenv("DDE_BACKEND", "pytorch")
    dde = pytest.importorskip("deepxde", reason="pip install -e .[bench]")
    dde.config.set_default_float("float64")
    request.addfinalizer(lambda: dde.config.set_default_float("float32"))
    dde.config.set_random_seed(0)
    data = pytest.importorskip("deepxde_peer").burgers_shock_data()
    model = dde.Model(data, dde.nn.FNN([2] + [20] * 3 + [1], "tanh", "Glorot normal"))
    problem = burgers_shock()
    z = torch.stack([x.reshape(-1) for x in problem.test_grid.mesh()], 1)
    truth = problem.reference(z).numpy()
    start = time.perf_counter()
    for name, options in (("Adam", {"iterations": 5_000}), ("L-BFGS", {})):
        model.compile("adam", lr=1e-3) if name == "Adam" else model.compile("L-BFGS")
        model.train(display_every=5000, verbose=0, **options)
        error = np.linalg.norm(model.predict(z.numpy()) - truth) / np.linalg.norm(truth)
        print(
            f"\nDeepXDE, Burgers shock, after {name}: {error:.2e} after {time.perf_counter() - start:.0f} s"
        )
    assert error < 0.5
