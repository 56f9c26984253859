"""Errors by the resolutions of training and of the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from sciml.plots.style import SEQUENTIAL, TRUTH, plain_log_ticks, styled, written_out


@styled
def plot_matrix(cells: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the mean error of each training resolution (row) on each test set (column), with its control below it.

    Cells on the training grid (high-to-high) have a frame; a control that is better than the model says so.

    Parameters
    ----------
    cells
        ``train``, ``test`` (labels), ``rel_l2``, ``interpolated_rel_l2``, ``protocol``.

    Raises ValueError for no cells.
    """
    if not cells:
        raise ValueError("plot_matrix needs at least one cell")
    trains, tests = (list(dict.fromkeys(cell[key] for cell in cells)) for key in ("train", "test"))
    values = np.full((len(trains), len(tests)), np.nan)
    for cell in cells:
        values[trains.index(cell["train"]), tests.index(cell["test"])] = cell["rel_l2"]
    fig = Figure(figsize=(1.4 + 1.35 * len(tests), 1.2 + 0.8 * len(trains)))
    panel = fig.subplots()
    smallest, largest = float(np.nanmin(values)), float(np.nanmax(values))
    # a logarithm has no place for an exact model; errors that hardly differ have colours that hardly do
    norm = LogNorm(min(smallest, largest / 2), largest) if smallest > 0 else Normalize(0.0, largest or 1.0)
    image = panel.imshow(values, cmap=SEQUENTIAL, norm=norm, origin="upper", aspect="auto")
    for cell in cells:
        place = tests.index(cell["test"]), trains.index(cell["train"])
        light = float(norm(cell["rel_l2"])) < 0.6
        panel.annotate(f"{cell['rel_l2']:.3g}", place, xytext=(0, 5), textcoords="offset points", ha="center",
                       va="center", color="white" if light else "black", fontweight="bold")  # fmt: skip
        control = cell["interpolated_rel_l2"]
        if control is not None:
            better = " (better)" if control < cell["rel_l2"] else ""
            panel.annotate(f"interp. {control:.3g}{better}", place, xytext=(0, -8), textcoords="offset points", ha="center",
                           va="center", fontsize=7, color="white" if light else "black")  # fmt: skip
        if cell["protocol"] == "high-to-high":
            x, y = place
            panel.plot(
                [x - 0.48, x + 0.48, x + 0.48, x - 0.48, x - 0.48],
                [y - 0.48, y - 0.48, y + 0.48, y + 0.48, y - 0.48],
                "-", color="white" if light else "black",
            )  # fmt: skip
    panel.set_xticks(range(len(tests)), tests)
    panel.set_yticks(range(len(trains)), trains)
    panel.set_xlabel("tested on")
    panel.set_ylabel("trained at")
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    bar = fig.colorbar(image, ax=panel, label="relative L2 error [–]")
    if isinstance(norm, LogNorm):
        plain_log_ticks(bar.ax.yaxis)
    return fig


@styled
def plot_protocols(cells: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw errors against the test set: a line for each training resolution, and one through those trained where they are tested.

    Parameters
    ----------
    cells
        As for `plot_matrix`, with ``rel_l2_interval`` (low, high) or None.

    Raises ValueError for no cells.
    """
    if not cells:
        raise ValueError("plot_protocols needs at least one cell")
    tests = list(dict.fromkeys(cell["test"] for cell in cells))
    fig = Figure(figsize=(5.6, 3.8))
    panel = fig.subplots()
    for train in dict.fromkeys(cell["train"] for cell in cells):
        own = [cell for cell in cells if cell["train"] == train]
        places = [tests.index(cell["test"]) for cell in own]
        (line,) = panel.plot(
            places, [c["rel_l2"] for c in own], "o-", markersize=4, label=f"trained at {train}"
        )
        for place, cell in zip(places, own, strict=True):
            if cell["rel_l2_interval"]:
                panel.plot(
                    [place, place], cell["rel_l2_interval"], "-", color=line.get_color(), linewidth=1.0
                )
        pairs = [(p, c["interpolated_rel_l2"]) for p, c in zip(places, own, strict=True)]
        pairs = [(place, control) for place, control in pairs if control is not None]
        if pairs:
            panel.plot(*zip(*pairs, strict=True), "s:", markersize=3, color=line.get_color(), linewidth=0.8)
    panel.plot(
        [], [], "s:", color=TRUTH, markersize=3, linewidth=0.8, label="interpolation of its own prediction"
    )
    trained_there = [cell for cell in cells if cell["protocol"] == "high-to-high"]
    if len(trained_there) > 1:
        places = [tests.index(cell["test"]) for cell in trained_there]
        panel.plot(places, [c["rel_l2"] for c in trained_there], "-", color=TRUTH, linewidth=4, alpha=0.3,
                   label="high-to-high", zorder=0)  # fmt: skip
    panel.set_xticks(range(len(tests)), tests)
    panel.margins(x=0.1, y=0.15)
    errors = [cell["rel_l2"] for cell in cells]
    if max(errors) > 10 * min(errors) > 0:
        panel.set_yscale("log")
        plain_log_ticks(panel.yaxis)
    else:
        panel.set_ylim(0.0, 1.25 * panel.get_ylim()[1])
        panel.yaxis.set_major_formatter(written_out)
    panel.set_xlabel("tested on")
    panel.set_ylabel("relative L2 error [–]")
    panel.grid(True, axis="y")
    panel.legend(loc="best")
    return fig
