"""How the error grows as a model is applied to its own output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from sciml.plots.style import plain_log_ticks, styled


@styled
def plot_rollout(curves: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the relative L2 error of each test set against time.

    Parameters
    ----------
    curves
        For each test set ``name``, ``times``, ``rel_l2`` and, where known, ``rel_l2_interval`` (low, high) at each time and
        ``persistence_rel_l2``, the error of predicting no change.

    Raises ValueError for no test set, or one without a frame.
    """
    if not curves or not all(curve["rel_l2"] for curve in curves):
        raise ValueError("plot_rollout needs at least one test set, with an error for each frame")
    fig = Figure(figsize=(5.6, 3.6))
    panel = fig.subplots()
    drawn = []
    for number, curve in enumerate(curves):
        times, errors = curve["times"], curve["rel_l2"]
        (line,) = panel.plot(times, errors, marker="o", markersize=3, label=curve["name"])
        drawn += errors
        interval = curve.get("rel_l2_interval")
        if interval and None not in interval[0]:
            low, high = zip(*interval, strict=True)
            panel.fill_between(times, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        if "persistence_rel_l2" in curve:
            label = "no change" if number == len(curves) - 1 else None
            panel.plot(times, curve["persistence_rel_l2"], ":", color=line.get_color(), label=label)
            drawn += curve["persistence_rel_l2"]
    if all(value > 0 for value in drawn):
        panel.set_yscale("log")
        plain_log_ticks(panel.yaxis)
    panel.set_xlabel("time")
    panel.set_ylabel("relative L2 error [–]")
    panel.grid(True)
    if len(curves) > 3:
        fig.set_figheight(4.4)
        fig.legend(loc="outside lower center", ncols=2)
    else:
        panel.legend(loc="best")
    return fig
