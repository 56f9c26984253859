"""Error against resolution: the model, and the interpolation it has to beat."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from sciml.plots.style import CONTROL, MARK, PREDICTION, plain_log_ticks, size_label, styled, written_out


@styled
def plot_superresolution(
    rows: Sequence[Mapping[str, Any]],
    train_resolution: int | Sequence[int],
    xlabel: str = "resolution [points per axis]",
) -> Figure:
    """Draw the rows of a super-resolution report: relative L2 error of the model, with its interval, and of its control.

    Where the axes of a grid differ, the horizontal position is the geometric mean of its sizes and the tick
    names them all.

    Raises ValueError for no rows.
    """
    if not rows:
        raise ValueError("plot_superresolution needs at least one row")
    sizes = [_mean_size(row["resolution"]) for row in rows]
    fig = Figure(figsize=(5.6, 3.6))
    panel = fig.subplots()
    panel.axvline(_mean_size(train_resolution), color=MARK, linestyle="--", linewidth=1.0, zorder=0)
    panel.annotate(
        "training", (_mean_size(train_resolution), 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3),
        textcoords="offset points", ha="center", fontsize=8, color="#666666",
    )  # fmt: skip
    control = [(size, row["interpolated_rel_l2"]) for size, row in zip(sizes, rows, strict=True)]
    control = [(size, error) for size, error in control if error is not None]
    if control:
        panel.plot(*zip(*control, strict=True), color=CONTROL, marker="s", markersize=5, linestyle="--",
                   label="interpolation of its own\ntraining-grid prediction")  # fmt: skip
    model = [row["rel_l2"] for row in rows]
    panel.plot(sizes, model, color=PREDICTION, marker="o", markersize=5, label="model")
    for size, row in zip(sizes, rows, strict=True):
        if row.get("rel_l2_interval"):
            # lines of the panel's own, which the legend keeps clear of
            panel.plot([size, size], row["rel_l2_interval"], "-", color=PREDICTION, linewidth=1.0)
    panel.set_xscale("log", base=2)
    ticks = {
        _mean_size(resolution): resolution
        for resolution in [train_resolution, *(row["resolution"] for row in rows)]
    }
    panel.set_xticks(sorted(ticks), labels=[size_label(ticks[size]) for size in sorted(ticks)])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.margins(x=0.08, y=0.15)
    errors = model + [error for _, error in control]
    if max(errors) > 10 * min(errors) > 0:
        panel.set_yscale("log")
        plain_log_ticks(panel.yaxis)
    else:
        panel.set_ylim(0.0, 1.25 * max(panel.get_ylim()[1], *errors))
        panel.yaxis.set_major_formatter(written_out)
    panel.set_xlabel(xlabel)
    panel.set_ylabel("relative L2 error [–]")
    panel.grid(True, axis="y")
    panel.legend(loc="best")
    return fig


def _mean_size(resolution: int | Sequence[int]) -> float:
    if isinstance(resolution, int):
        return float(resolution)
    return math.prod(resolution) ** (1.0 / len(resolution))
