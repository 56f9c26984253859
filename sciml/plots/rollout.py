"""How the error grows as a model is applied to its own output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sciml.plots.style import plain_log_ticks, styled


@styled
def plot_rollout(errors: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the relative L2 error of the predicted frames 1, 2, ... of each test set.

    Raises ValueError for no test set, or one without a frame.
    """
    if not errors or not all(errors.values()):
        raise ValueError("plot_rollout needs at least one test set, with an error for each frame")
    fig = Figure(figsize=(5.6, 3.6))
    panel = fig.subplots()
    for name, values in errors.items():
        panel.plot(range(1, len(values) + 1), values, marker="o", markersize=3, label=name)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    if all(value > 0 for values in errors.values() for value in values):
        panel.set_yscale("log")
        plain_log_ticks(panel.yaxis)
    panel.set_xlabel("predicted frame")
    panel.set_ylabel("relative L2 error [–]")
    panel.grid(True)
    panel.legend(loc="best")
    return fig
