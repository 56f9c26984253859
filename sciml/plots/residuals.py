"""How well predictions satisfy the equation, beside the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from sciml.plots.style import PREDICTION, TRUTH, place_label, plain_log_ticks, styled


@styled
def plot_residuals(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the residual norms of predictions and reference on each test set, a panel for each residual and norm.

    Parameters
    ----------
    rows
        As `residual_norms` gives them: ``resolution``, ``residual``, ``norm``, ``prediction``, ``reference``.

    Raises ValueError for no rows.
    """
    if not rows:
        raise ValueError("plot_residuals needs at least one row")
    kinds = list(dict.fromkeys((row["residual"], row["norm"]) for row in rows))
    fig = Figure(figsize=(3.2 * len(kinds) + 0.4, 3.2))
    for panel, (residual, norm) in zip(fig.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        shown = [row for row in rows if (row["residual"], row["norm"]) == (residual, norm)]
        places = range(len(shown))
        panel.plot(places, [row["reference"] for row in shown], "s--", color=TRUTH, label="reference")
        panel.plot(places, [row["prediction"] for row in shown], "o-", color=PREDICTION, label="model")
        panel.set_xticks(places, [place_label(row) for row in shown])
        panel.margins(x=0.15)
        panel.set_xlabel("resolution [points per axis]")
        panel.set_title(f"{residual}, {norm.replace('-1', '⁻¹').replace('L2', 'L²')} norm")
        values = [row[role] for row in shown for role in ("reference", "prediction")]
        if min(values) > 0:
            panel.set_yscale("log")
            panel.margins(y=0.3)
            if max(values) < 1e3 * min(values):
                plain_log_ticks(panel.yaxis)
        panel.grid(True, axis="y")
    fig.axes[0].set_ylabel("residual, root mean square")
    fig.axes[0].legend(loc="best")
    return fig
