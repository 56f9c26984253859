"""Several runs of one configuration, with different seeds or training resolutions, evaluated together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sciml.config import Config
from sciml.config_file import load_config
from sciml.data import FieldFile
from sciml.evaluate import (
    format_matrix,
    format_train,
    resolution_of,
    rollouts_over_seeds,
    t_interval,
    train_by_test,
    write_json,
    write_report,
)
from sciml.experiment import differences, evaluate
from sciml.plots import plot_matrix, plot_protocols, plot_rollout, save
from sciml.tasks import frame_interval
from sciml.train import RunFolder, load_model
from sciml.train.saved_model import training_grid

_MAY_DIFFER = (
    "name", "output", "seed", "threads", "device", "data.test", "data.workers", "train.log_every", "train.log_gradients",
    "train.validate_every", "train.checkpoint_seconds",
)  # fmt: skip


def compare(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    data: Sequence[str] = (),
    resolutions: Sequence[int] = (),
    recipe: str | Path | None = None,
) -> tuple[dict[str, Any], str]:
    """Evaluate runs on the same test files, and write the matrix of training and test resolutions.

    Runs with one training resolution are of one configuration but for the seed: their errors have a mean and a 95 % t-interval.

    Parameters
    ----------
    folders : of the runs
    out : folder of the report
    data : test files; by default those of all runs
    resolutions, recipe : see `evaluate`

    Returns
    -------
    The content of report.json and the table for the terminal.

    Raises ValueError for runs that are no operators, or not of one configuration, or have one seed twice.
    """
    configs = {Path(folder): load_config(RunFolder(folder).config) for folder in folders}
    if len(configs) < len(folders):
        raise ValueError("a run is named twice; name each once")
    pinns = [folder for folder, config in configs.items() if config.data is None]
    if pinns:
        raise ValueError(f"{pinns[0]} is a PINN; only operators are evaluated together")
    runs = [_run(folder, config) for folder, config in configs.items()]
    _require_one_configuration(runs, list(configs.values()))
    files = list(dict.fromkeys(data or (f for c in configs.values() for f in _data(c).test)))
    reports = []
    for (folder, config), run in zip(configs.items(), runs, strict=True):
        readable = [file for file in files if not _coarser_in_time(config, file)]
        report, _ = evaluate(folder, data=readable, resolutions=resolutions, recipe=recipe)
        reports.append(report)
        run["rel_l2"] = report["rel_l2"]
    cells = train_by_test(reports)
    combined: dict[str, Any] = {
        "rel_l2": None,
        "rel_l2_why": "the runs have several training resolutions: see matrix",
    }
    if len({run["trained at"] for run in runs}) == 1:
        combined = _headline(reports)
    curves = rollouts_over_seeds(reports)
    combined |= {"threads": torch.get_num_threads(), "runs": runs, "matrix": cells, "rollout": curves}
    _write(Path(out), combined)
    return combined, format_matrix(cells)


def _run(folder: Path, config: Config) -> dict[str, Any]:
    """What tells a run from the others."""
    grid = training_grid(load_model(folder)[1])
    interval = None if config.train.rollout is None else _train_interval(config)
    return {
        "folder": str(folder),
        "trained at": format_train(resolution_of(grid), interval),
        "seed": config.seed,
    }


def _headline(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if reports[0]["rel_l2"] is None:
        return {"rel_l2": None, "rel_l2_why": reports[0]["rel_l2_why"]}
    mean, low, high = t_interval([report["rel_l2"] for report in reports])
    return {"rel_l2": mean, "rel_l2_interval": None if low is None else [low, high]}


def _data(config: Config) -> Any:
    assert config.data is not None
    return config.data


def _coarser_in_time(config: Config, path: str) -> bool:
    """A roll-out needs the frames that it was trained on; a file without them has no place in its row of the matrix."""
    if config.train.rollout is None:
        return False
    return frame_interval(FieldFile(path)) > 1.001 * _train_interval(config)


def _train_interval(config: Config) -> float:
    return frame_interval(FieldFile(_data(config).train_files[0]))


def _require_one_configuration(runs: Sequence[dict[str, Any]], configs: Sequence[Config]) -> None:
    first: dict[str, tuple[str, Config]] = {}
    seeds: set[tuple[str, int]] = set()
    for run, config in zip(runs, configs, strict=True):
        folder, other = first.setdefault(run["trained at"], (run["folder"], config))
        for key, before, after in differences(other, config, _MAY_DIFFER):
            raise ValueError(
                f"{folder} and {run['folder']} have one training resolution but {key} is {before!r} and {after!r}; "
                "runs of one resolution may differ in their seed alone"
            )
        if (run["trained at"], config.seed) in seeds:
            raise ValueError(
                f"{run['folder']}: seed {config.seed} is there already; another seed is another run"
            )
        seeds.add((run["trained at"], config.seed))


def _write(folder: Path, report: dict[str, Any]) -> None:
    cells = [
        {
            **cell,
            "train": format_train(cell["train_resolution"], cell["train_interval"]),
            "test": cell["name"],
        }
        for cell in report["matrix"]
    ]
    figures = [
        ("matrix.png", plot_matrix(cells), "Relative L2 error by training resolution and test set, and below it that of the "
         "interpolated prediction at the training resolution. Framed: tested where trained."),
        ("protocols.png", plot_protocols(cells), "The same against the test set. Bars: 95 % over seeds, or over test samples for a single run. "
         "High-to-high joins models tested where they were trained; what lies right of it on a line is low-to-high."),
    ]  # fmt: skip
    if report["rollout"]:
        caption = (
            "Error over time, mean over seeds. Shaded: 95 %. Dotted: the last known frame for all times."
        )
        figures.append(("rollout.png", plot_rollout(report["rollout"]), caption))
    paths = [(save(figure, folder / "figures" / name), caption) for name, figure, caption in figures]
    write_json(folder / "report.json", report)
    summary = {"relative L2 error": report["rel_l2"], "runs": len(report["runs"])}
    tables = {
        "Training and test resolution": [
            {key: value for key, value in cell.items() if key not in ("beyond_nyquist", "name")}
            for cell in cells
        ],
        "Runs": report["runs"],
    }
    write_report(folder, "Comparison of runs", summary, paths, tables)
