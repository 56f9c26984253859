"""How several losses were balanced along a training run: weights, gradient norms, cosines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, groupby
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sciml.plots.history import format_steps, mark_stages
from sciml.plots.style import MARK, styled

PANELS = {
    "weights": "weight [–]",
    "gradient_norms": "norm of gradient [–]",
    "gradient_cosines": "cosine of gradients [–]",
}
"""By the keys of a record of metrics.jsonl that `plot_balancing` draws."""
_MOST_PAIRS = 8
_FEW = 4
"""Curves of a panel up to which a smoothed one is drawn over its records."""
_MANY = 200
"""Records of a stage from which on its curves are smoothed."""

Curve = list[tuple[np.ndarray, np.ndarray]]
"""Steps and values, stage by stage."""


def has_balancing(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether `plot_balancing` has something to draw."""
    return bool(_panels(records))


@styled
def plot_balancing(records: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw what the records of metrics.jsonl say of "weights", "gradient_norms" and "gradient_cosines" against their ``step``.

    Where there are many records, their running median is drawn, over the records themselves if the curves are few. Of many
    pairs of losses, those whose gradients oppose each other most are drawn. Weights that never change are left out.

    Raises ValueError where there is nothing to draw.
    """
    drawn = _panels(records)
    if not drawn:
        raise ValueError(
            "plot_balancing needs records with changing weights, or gradients, of several losses"
        )
    fig = Figure(figsize=(7.2, 0.4 + 2.3 * len(drawn)))
    panels: list[Axes] = list(fig.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0])
    for panel, (key, curves) in zip(panels, drawn.items(), strict=True):
        colours = cycle(mpl.rcParams["axes.prop_cycle"].by_key()["color"])
        for (name, curve), colour in zip(curves.items(), colours, strict=False):
            _draw(panel, curve, name, colour, raw=len(curves) <= _FEW)
        _scale(
            panel, np.concatenate([_values(curve) for curve in curves.values()]), key == "gradient_cosines"
        )
        panel.set_ylabel(PANELS[key])
        panel.grid(True)
        panel.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    format_steps(panels[-1])
    mark_stages(panels, records)
    return fig


def _panels(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Curve]]:
    """By key of a record, the curves that are worth drawing."""
    panels = {key: _curves(records, key) for key in PANELS}
    if all(np.ptp(_values(curve)) == 0 for curve in panels["weights"].values()):
        del panels["weights"]
    pairs = panels["gradient_cosines"]
    most_opposed = sorted(pairs, key=lambda name: float(_values(pairs[name]).mean()))[:_MOST_PAIRS]
    panels["gradient_cosines"] = {name: pairs[name] for name in pairs if name in most_opposed}
    return {key: curves for key, curves in panels.items() if curves}


def _curves(records: Sequence[Mapping[str, Any]], key: str) -> dict[str, Curve]:
    """The curve of every loss, or pair of losses, with two values or more; none where there is one loss."""
    names = dict.fromkeys(name for record in records for name in record.get(key, {}))
    curves = {}
    for name in names:
        present = [record for record in records if name in record.get(key, {})]
        stages = groupby(present, lambda record: record.get("stage"))
        points = [[(record["step"], record[key][name]) for record in stage] for _, stage in stages]
        if len(present) > 1:
            curves[name] = [(steps, values) for steps, values in (np.array(stage).T for stage in points)]
    return curves if len(curves) > 1 or key == "gradient_cosines" else {}


def _values(curve: Curve) -> np.ndarray:
    return np.concatenate([values for _, values in curve])


def _draw(panel: Axes, curve: Curve, name: str, colour: str, *, raw: bool) -> None:
    for index, (steps, values) in enumerate(curve):
        shown = name if index == 0 else None
        if len(steps) < _MANY:
            marker = "o" if len(steps) < 40 else None
            panel.plot(steps, values, color=colour, label=shown, marker=marker, markersize=3, linewidth=1.2)
            continue
        if raw:
            panel.plot(steps, values, color=colour, alpha=0.25, linewidth=0.6)
        window = 2 * (len(values) // 60) + 1
        padded = np.pad(values, window // 2, mode="reflect")
        median = np.median(np.lib.stride_tricks.sliding_window_view(padded, window), axis=1)
        panel.plot(steps, median, color=colour, label=shown)


def _scale(panel: Axes, values: np.ndarray, cosines: bool) -> None:
    """Cosines from -1 to 1; other quantities logarithmically, to both sides where some are negative."""
    if cosines:
        panel.set_ylim(-1.05, 1.05)
        panel.axhline(0, color=MARK, linewidth=0.8, zorder=0)
    elif values.min() > 0:
        panel.set_yscale("log")
        low, high = np.quantile(values, [0.002, 0.998])
        panel.set_ylim(low / 2, 2 * high)
    elif values.any():
        small = np.quantile(np.abs(values[values != 0]), 0.1)
        panel.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(small)))
        panel.axhline(0, color=MARK, linewidth=0.8, zorder=0)
