"""What holds for every figure: it draws without a display, says what its axes are, and cuts nothing off."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from pdes.grid import Axis, Grid
from sciml import plots

RNG = np.random.default_rng(0)


def comparison(dimension: int, samples: int) -> Figure:
    grid = Grid(Axis(name, 12, periodic=True) for name in "xyz"[:dimension])
    given, predicted, true = torch.randn(3, samples, *grid.shape, generator=torch.Generator().manual_seed(0))
    return plots.plot_comparison(given, predicted, true, grid, names=("a", "u"), units="m/s")


def history() -> Figure:
    records = [
        {"step": i, "pde": 1 / (i + 1), "lr": 1e-3, "stage": "adam" if i < 5 else "lbfgs"} for i in range(10)
    ]
    return plots.plot_history(
        [{**record, "rel_l2": 0.5} if i % 3 == 0 else record for i, record in enumerate(records)]
    )


def superresolution() -> Figure:
    rows = [
        {"resolution": n, "rel_l2": 0.1, "interpolated_rel_l2": None if n == 16 else 0.2}
        for n in (16, 32, 64)
    ]
    return plots.plot_superresolution(rows, 16)


def spacetime(with_truth: bool) -> Figure:
    x, t, field = np.linspace(-1, 1, 20), np.linspace(0, 1, 11), RNG.normal(size=(20, 11))
    return plots.plot_spacetime(
        x, t, field, field + 0.1 if with_truth else None, field="u", points=RNG.uniform(size=(9, 2))
    )


def spectrum() -> Figure:
    k = np.arange(20)
    return plots.plot_spectrum(k, np.exp(-k), 0.01 * np.exp(-k / 2), train_nyquist=8)


def rollout() -> Figure:
    curve = {"times": [1.0, 2.0, 3.0], "rel_l2": [0.1, 0.2, 0.3], "persistence_rel_l2": [0.3, 0.6, 0.9]}
    interval = [[0.05, 0.15], [0.1, 0.3], [0.2, 0.4]]
    return plots.plot_rollout([{"name": "a", **curve, "rel_l2_interval": interval}, {"name": "b", **curve}])


def energy_beyond() -> Figure:
    beyond = {"truth": 1e-3, "prediction": 8e-4, "interpolated": None, "error": 1e-4}
    return plots.plot_energy_beyond([{"resolution": n, "beyond_nyquist": beyond} for n in (32, [64, 32])])


def residuals() -> Figure:
    return plots.plot_residuals(
        [
            {"resolution": n, "residual": "mass", "norm": norm, "prediction": 0.2, "reference": 0.1}
            for n in (17, 33)
            for norm in ("L2", "H-1")
        ]
    )


def work_precision() -> Figure:
    attempts = [{"resolution": n, "dt": None, "rel_l2": 1 / n**2, "seconds": 1e-4 * n**2} for n in (5, 9, 17)]
    timing = {"resolution": 33, "model_s": 1e-3, "rel_l2": 0.01, "attempts": attempts}
    return plots.plot_work_precision([timing, {**timing, "attempts": []}])


CELLS = [
    {
        "train": str(train),
        "test": f"test_{n}",
        "rel_l2": 0.1 + 0.01 * abs(n - train),
        "rel_l2_interval": [0.09, 0.3] if n == 16 else None,
        "interpolated_rel_l2": None if n == train else 0.2,
        "protocol": "high-to-high" if n == train else "low-to-high",
    }
    for train in (16, 32)
    for n in (16, 32, 64)
]


FIGURES: dict[str, Callable[[], Figure]] = {
    "fields 1-D": lambda: comparison(1, 3),
    "fields 2-D": lambda: comparison(2, 2),
    "fields 3-D": lambda: comparison(3, 1),
    "history": history,
    "superresolution": superresolution,
    "roll-out": rollout,
    "energy beyond Nyquist": energy_beyond,
    "residuals": residuals,
    "work and precision": work_precision,
    "matrix": lambda: plots.plot_matrix(CELLS),
    "protocols": lambda: plots.plot_protocols(CELLS),
    "spacetime": lambda: spacetime(True),
    "spacetime without truth": lambda: spacetime(False),
    "spectrum": spectrum,
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES.keys())
def test_outer_axes_are_labelled_and_settings_left_alone(draw: Callable[[], Figure], tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    fig = draw()
    path = plots.save(fig, tmp_path / "figure.png")
    assert dict(mpl.rcParams) == before
    assert path.read_bytes().startswith(b"\x89PNG")
    # panels at one place are twins, and share a label
    places = {panel.get_subplotspec() for panel in fig.axes} - {None}
    assert places
    for place in places:
        panels = [panel for panel in fig.axes if panel.get_subplotspec() == place]
        if place.is_last_row():
            assert any(panel.get_xlabel() for panel in panels), "a bottom panel without a label"
        if place.is_first_col():
            assert all(panel.get_ylabel() for panel in panels), "a left panel without a label"


@pytest.mark.parametrize("name", ["fields 2-D", "fields 3-D", "spacetime", "spacetime without truth"])
def test_colour_bars_are_labelled(name: str) -> None:
    fig = FIGURES[name]()
    bars = [image.colorbar for panel in fig.axes for image in panel.images if image.colorbar is not None]
    assert bars
    assert all(bar.ax.get_ylabel() for bar in bars)


def test_save_replaces_whole_files_only(tmp_path: Path) -> None:
    path = plots.save(spectrum(), tmp_path / "new" / "figure.svg")
    assert "<svg" in path.read_text()
    with pytest.raises(ValueError, match=r"suffix '\.txt'; use \.png"):
        plots.save(spectrum(), tmp_path / "new" / "figure.txt")
    assert [p.name for p in path.parent.iterdir()] == ["figure.svg"]
