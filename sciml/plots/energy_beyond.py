"""What a model makes of the scales that its training grid does not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sciml.plots.style import CONTROL, ERROR_LINE, PREDICTION, TRUTH, place_label, styled

_BARS = {
    "truth": ("truth", TRUTH),
    "prediction": ("model", PREDICTION),
    "interpolated": ("interpolation", CONTROL),
    "error": ("error of the model", ERROR_LINE),
}


@styled
def plot_energy_beyond(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the energy beyond the training Nyquist wavenumber at each finer resolution, as bars from the smallest on.

    Parameters
    ----------
    rows
        Rows of a super-resolution report; those without ``beyond_nyquist`` are left out.

    Raises ValueError where no row has it.
    """
    shown = [row for row in rows if row["beyond_nyquist"]]
    if not shown:
        raise ValueError("plot_energy_beyond needs a row of a grid finer than the training grid")
    fig = Figure(figsize=(5.6, 3.6))
    panel = fig.subplots()
    places = np.arange(len(shown))
    width = 0.8 / len(_BARS)
    values = [value for row in shown for value in row["beyond_nyquist"].values() if value]
    # what is orders of magnitude below the rest is rounding
    floor = max(min(values, default=1.0), 1e-12 * max(values, default=1.0)) / 3
    for number, (key, (label, colour)) in enumerate(_BARS.items()):
        heights = [max(row["beyond_nyquist"][key] or 0.0, floor) for row in shown]
        panel.bar(places + (number - 1.5) * width, heights, width, bottom=0, color=colour, label=label)
    panel.set_yscale("log")
    top = max(values, default=1.0)
    # the legend has the upper quarter of the axis
    panel.set_ylim(floor, top * max(top / floor, 30.0) ** (1 / 3))
    panel.set_xticks(places, [place_label(row) for row in shown])
    panel.set_xlabel("resolution [points per axis]")
    panel.set_ylabel("energy beyond the training Nyquist\n/ total energy of the truth [–]")
    panel.grid(True, axis="y")
    panel.legend(loc="upper center", ncols=2)
    return fig
