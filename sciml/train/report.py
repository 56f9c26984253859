"""What a finished run leaves for its readers: report.json, report.html and figures."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from sciml.config import Config
from sciml.config_file import dump_config
from sciml.data import sha256
from sciml.evaluate import format_place, write_json, write_report
from sciml.plots import has_balancing, plot_balancing, plot_history, save
from sciml.tasks import Evaluation

_PACKAGES = ("torch", "numpy", "scipy", "h5py", "matplotlib")


def write_run_report(
    folder: Path,
    config: Config,
    model: nn.Module,
    evaluation: Evaluation,
    *,
    steps: int,
    wall_s: float,
    records: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Write figures/, report.json and report.html in ``folder`` and return what report.json holds."""
    parameter = next(model.parameters())
    report = {
        **evaluation.metrics,
        "name": config.name,
        "wall_s": round(wall_s, 3),
        "steps": steps,
        "n_params": sum(p.numel() for p in model.parameters()),
        "seed": config.seed,
        "device": str(parameter.device),
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "versions": {
            "sciml": version("sciml-torch"),
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "data_sha256": {path: sha256(path) for path in (*config.data.train_files, *config.data.test)}
        if config.data
        else None,
    }
    figures = list(evaluation.figures)
    if records:
        figures.append(
            ("history.png", plot_history(records), "Losses, metrics and learning rate during training.")
        )
    if records and has_balancing(records):
        caption = "How the losses were balanced: their weights, and the norms and cosines of their gradients."
        figures.append(("balancing.png", plot_balancing(records), caption))
    paths = [(save(figure, folder / "figures" / name), caption) for name, figure, caption in figures]
    write_json(folder / "report.json", report)
    write_report(folder, config.name, _headline(report), paths, _tables(config, report))
    return report


def _headline(report: dict[str, Any]) -> dict[str, Any]:
    headline = {"relative L2 error": report["rel_l2"]}
    for row in report.get("superresolution", []):
        headline[f"at {format_place(row)} points"] = row["rel_l2"]
    return {
        **headline,
        "training time [s]": report["wall_s"],
        "steps": report["steps"],
        "parameters": report["n_params"],
    }


def _tables(config: Config, report: dict[str, Any]) -> dict[str, Any]:
    rows = report.get("superresolution", [])
    tables: dict[str, Any] = {}
    if rows:
        tables["Super-resolution"] = [
            {key: value for key, value in row.items() if key != "beyond_nyquist"} for row in rows
        ]
    beyond = [{"name": row["name"], **row["beyond_nyquist"]} for row in rows if row["beyond_nyquist"]]
    if beyond:
        tables["Energy beyond the training grid's Nyquist wavenumber, share of the truth's energy"] = beyond
    if report.get("residual"):
        tables["Residual of the equation, root mean square"] = report["residual"]
    if report.get("timings"):
        tables["Time a sample at equal accuracy"] = [
            {key: value for key, value in row.items() if key != "attempts"} for row in report["timings"]
        ]
    apart = ("superresolution", "versions", "rollout", "residual", "timings")
    tables["Run"] = {k: v for k, v in report.items() if k not in apart}
    tables["Configuration"] = yaml.safe_load(dump_config(config))
    tables["Versions"] = report["versions"]
    return tables
