"""Error against time: a model, and the solver that it stands in for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from sciml.plots.style import CONTROL, PREDICTION, place_label, plain_log_ticks, styled

_MOST_PANELS = 4


@styled
def plot_work_precision(timings: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw error and time a sample of model and solver, a panel for each of the finest test sets.

    Parameters
    ----------
    timings
        As `equal_accuracy` gives them.

    Raises ValueError for no timings.
    """
    if not timings:
        raise ValueError("plot_work_precision needs at least one test set")
    shown = timings[-_MOST_PANELS:]
    fig = Figure(figsize=(3.2 * len(shown) + 0.4, 3.2))
    for panel, row in zip(fig.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        attempts = row["attempts"]
        for size in dict.fromkeys(str(attempt["resolution"]) for attempt in attempts):
            # one line for the time steps on one grid, named by its size
            same = [a for a in attempts if str(a["resolution"]) == size]
            milliseconds = [1e3 * a["seconds"] for a in same]
            panel.plot(
                milliseconds, [a["rel_l2"] for a in same], "s-", color=CONTROL, markersize=4, linewidth=0.8
            )
            panel.annotate(
                size,
                (milliseconds[-1], same[-1]["rel_l2"]),
                xytext=(4, 2),
                textcoords="offset points",
                fontsize=7,
            )
        panel.plot([], [], "s-", color=CONTROL, markersize=4, linewidth=0.8, label="solver, by grid size")
        panel.plot(1e3 * row["model_s"], row["rel_l2"], "o", color=PREDICTION, label="model")
        panel.axhline(row["rel_l2"], color=PREDICTION, linewidth=0.6, linestyle=":")
        # a factor around what there is, which may be a single point
        times = [row["model_s"], *(attempt["seconds"] for attempt in attempts)]
        errors = [row["rel_l2"], *(attempt["rel_l2"] for attempt in attempts)]
        panel.set_xlim(1e3 * min(times) / 2, 1e3 * max(times) * 2)
        # what is exact but for rounding would take most of the axis
        panel.set_ylim(max(min(errors), 1e-4 * max(errors)) / 2, 2 * max(errors))
        panel.set_xscale("log")
        panel.set_yscale("log")
        plain_log_ticks(panel.xaxis)
        plain_log_ticks(panel.yaxis)
        panel.set_title(f"tested at {', '.join(place_label(row).splitlines())}")
        panel.set_xlabel("time [ms a sample]")
        panel.grid(True)
    fig.axes[0].set_ylabel("relative L2 error [–]")
    fig.axes[0].legend(loc="best")
    return fig
