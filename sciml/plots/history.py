"""Losses, metrics and learning rate along a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sciml.plots.style import MARK, TRUTH, styled

NOT_PLOTTED = frozenset({"step", "epoch", "wall_s", "stage"})
LEARNING_RATE = frozenset({"lr", "learning_rate"})
METRIC_PREFIXES = ("rel_", "val", "test", "rmse", "nrmse", "max_error")


@styled
def plot_history(records: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the records of metrics.jsonl against their ``step``, on logarithmic scales.

    Losses by name share the upper panel. Metrics (names that start with rel_, val, test, rmse, nrmse or
    max_error) and the learning rate (lr, learning_rate) share the lower one, which is left out without them. A
    metric with one value, and a learning rate that never changes, have no history. Where the records carry a ``stage``, its changes are marked.

    Raises ValueError for no record or a record without a step.
    """
    if not records or any("step" not in record for record in records):
        raise ValueError("plot_history needs at least one record, each with a 'step'")
    names = list(
        dict.fromkeys(key for record in records for key, value in record.items() if _is_number(value))
    )
    names = [name for name in names if name not in NOT_PLOTTED]
    rates = [name for name in names if name in LEARNING_RATE]
    metrics = [name for name in names if name.startswith(METRIC_PREFIXES)]
    losses = [name for name in names if name not in rates and name not in metrics]
    metrics = [name for name in metrics if len(_series(records, name)[0]) > 1]
    rates = [name for name in rates if len(set(_series(records, name)[1])) > 1]
    count = 2 if metrics or rates else 1
    fig = Figure(figsize=(7.2, 0.4 + 2.7 * count))
    panels: list[Axes] = list(fig.subplots(count, 1, sharex=True, squeeze=False)[:, 0])
    _curves(panels[0], records, losses, "loss [–]")
    if metrics:
        _curves(panels[1], records, metrics, "metric", legend_at=1.12 if rates else 1.01)
    if rates:
        _learning_rate(panels[1], records, rates[0], beside_metrics=bool(metrics))
    format_steps(panels[-1])
    mark_stages(panels, records)
    return fig


def _curves(
    panel: Axes,
    records: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    text: str,
    legend_at: float = 1.01,
) -> None:
    for name in names:
        steps, values = _series(records, name)
        panel.plot(steps, values, label=name, marker="o" if len(steps) < 40 else None, markersize=3)
    panel.set_yscale("log", nonpositive="mask")
    panel.set_ylabel(text)
    panel.grid(True)
    if names:
        # beside the axes: inside, a legend of many losses hides the curves
        panel.legend(loc="upper left", bbox_to_anchor=(legend_at, 1.0))


def _learning_rate(
    panel: Axes, records: Sequence[Mapping[str, Any]], name: str, *, beside_metrics: bool
) -> None:
    target = panel.twinx() if beside_metrics else panel
    steps, values = _series(records, name)
    target.plot(steps, values, color=TRUTH, linestyle=":", drawstyle="steps-post")
    target.set_yscale("log", nonpositive="mask")
    positive = [value for value in values if value > 0]
    if positive:  # the end of an annealed schedule would take most of the axis
        target.set_ylim(bottom=max(min(positive) / 2, 1e-4 * max(positive)))
    target.set_ylabel("learning rate (dotted)")
    if beside_metrics:
        target.spines["right"].set_visible(True)


def format_steps(panel: Axes) -> None:
    """The axis of the steps, below the lowest panel."""
    panel.set_xlabel("step")
    panel.margins(x=0.01)
    panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    panel.ticklabel_format(axis="x", style="plain")


def mark_stages(panels: Sequence[Axes], records: Sequence[Mapping[str, Any]]) -> None:
    """A line through all panels where a stage begins, named above the first; nothing where there is one stage."""
    if len({record.get("stage") for record in records}) < 2:
        return
    current: object = None
    for record in records:
        if "stage" not in record or record["stage"] == current:
            continue
        current = record["stage"]
        for panel in panels:
            panel.axvline(record["step"], color=MARK, linewidth=0.8, linestyle="--", zorder=0)
        panels[0].annotate(
            str(current), (record["step"], 1.0), xycoords=("data", "axes fraction"), xytext=(3, 3),
            textcoords="offset points", fontsize=8, color=TRUTH,
        )  # fmt: skip


def _series(records: Sequence[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    present = [record for record in records if _is_number(record.get(name))]
    return [record["step"] for record in present], [record[name] for record in present]


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
