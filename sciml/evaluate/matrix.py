"""Several runs as one result: over seeds, and by the resolution of training and test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sciml.evaluate.statistics import t_interval
from sciml.evaluate.tables import align, format_resolution

Report = Mapping[str, Any]
PROTOCOLS = ("high-to-high", "low-to-high", "high-to-low")


def train_by_test(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """The cells of the matrix of training and test resolutions, in space and in time, each over the seeds of its runs.

    Parameters
    ----------
    reports
        What `super_resolution` gives of each run (``superresolution``), its ``train_resolution`` and, for roll-outs,
        ``train_interval`` (time between frames).

    Returns
    -------
    For each training resolution, from coarse to fine, and each test set a cell: ``train_resolution``, ``train_interval``,
    ``resolution``, ``interval``, ``name``, ``protocol``, ``runs``, ``rel_l2`` (mean) with ``rel_l2_interval`` (95 %: over seeds, or
    over the samples of a single run, as ``interval_over`` says), ``interpolated_rel_l2``, ``beyond_nyquist`` (means).
    """
    groups: dict[tuple[Any, ...], list[tuple[Report, Mapping[str, Any]]]] = {}
    for report in reports:
        for row in report["superresolution"]:
            groups.setdefault((_train_key(report), row["name"]), []).append((report, row))
    cells = [_cell(group) for group in groups.values()]
    return sorted(cells, key=lambda cell: (_order(cell, "train_"), _order(cell, "")))


def rollouts_over_seeds(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """The error over time of each training resolution on each test set, mean and interval over seeds."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for report in reports:
        for curve in report.get("rollout", ()):
            groups.setdefault((_train_key(report), curve["name"]), []).append(curve)
    several = len({train for train, _ in groups}) > 1
    found = []
    for (train, name), curves in groups.items():
        if len(curves) == 1:
            merged = dict(curves[0])
        else:
            at_times = zip(*(curve["rel_l2"] for curve in curves), strict=True)
            means, lows, highs = zip(*(t_interval(errors) for errors in at_times), strict=True)
            intervals = [list(pair) for pair in zip(lows, highs, strict=True)]
            merged = {**curves[0], "rel_l2": list(means), "rel_l2_interval": intervals}
        merged["runs"] = len(curves)
        merged["name"] = f"{name}, trained at {format_train(*train)}" if several else name
        found.append(merged)
    return found


def format_train(resolution: Any, interval: float | None) -> str:
    """``64``, or ``64, dt 0.5`` where time has a resolution."""
    size = format_resolution(list(resolution) if isinstance(resolution, tuple) else resolution)
    return size if interval is None else f"{size}, dt {interval:g}"


def format_matrix(cells: Sequence[Mapping[str, Any]]) -> str:
    """Errors by training resolution (rows) and test set (columns), the control of each below it; then protocol by protocol."""
    tests = _unique(cell["name"] for cell in cells)
    trains = _unique(format_train(cell["train_resolution"], cell["train_interval"]) for cell in cells)
    by_place = {
        (format_train(cell["train_resolution"], cell["train_interval"]), cell["name"]): cell for cell in cells
    }
    body = []
    for train in trains:
        found = [by_place.get((train, test)) for test in tests]
        body.append([train, *("-" if cell is None else _with_spread(cell) for cell in found), ""])
        if any(cell and cell["interpolated_rel_l2"] is not None for cell in found):
            controls = [None if cell is None else cell["interpolated_rel_l2"] for cell in found]
            body.append(
                ["", *("-" if value is None else f"{value:.5f}" for value in controls), "interpolated"]
            )
    lines = [align(["trained at", *tests, ""], body)]
    for name in PROTOCOLS:
        of_kind = [cell for cell in cells if cell["protocol"] == name]
        if of_kind:
            shown = ", ".join(
                f"{format_train(cell['train_resolution'], cell['train_interval'])} -> {cell['name']} {cell['rel_l2']:.5f}"
                for cell in of_kind
            )
            lines.append(f"{name}: {shown}")
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines())


def _cell(group: Sequence[tuple[Report, Mapping[str, Any]]]) -> dict[str, Any]:
    report, row = group[0]
    rows = [other for _, other in group]
    mean, low, high = t_interval([other["rel_l2"] for other in rows])
    interval = report.get("train_interval")
    controls = [other["interpolated_rel_l2"] for other in rows]
    beyond = row["beyond_nyquist"]
    return {
        "train_resolution": report["train_resolution"],
        "train_interval": interval,
        "resolution": row["resolution"],
        "interval": None if interval is None else interval / row["refinement"],
        "name": row["name"],
        "protocol": row["protocol"],
        "runs": len(rows),
        "rel_l2": mean,
        "rel_l2_interval": row["rel_l2_interval"] if len(rows) == 1 else [low, high],
        "interval_over": "samples" if len(rows) == 1 else "seeds",
        "interpolated_rel_l2": None if controls[0] is None else t_interval(controls).mean,
        "beyond_nyquist": beyond
        and {
            key: None if beyond[key] is None else t_interval([o["beyond_nyquist"][key] for o in rows]).mean
            for key in beyond
        },
    }


def _train_key(report: Report) -> tuple[Any, ...]:
    resolution = report["train_resolution"]
    return tuple(resolution) if isinstance(resolution, list) else resolution, report.get("train_interval")


def _order(cell: Mapping[str, Any], prefix: str) -> tuple[Any, ...]:
    """Coarse before fine, in space and then in time."""
    resolution, interval = cell[f"{prefix}resolution"], cell[f"{prefix}interval"]
    return ([resolution] if isinstance(resolution, int) else resolution), -(interval or 0.0)


def _with_spread(cell: Mapping[str, Any]) -> str:
    if cell["rel_l2_interval"] is None:
        return f"{cell['rel_l2']:.5f}"
    low, high = cell["rel_l2_interval"]
    return f"{cell['rel_l2']:.5f} ({low:.5f}-{high:.5f})"


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
