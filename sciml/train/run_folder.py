"""The folder that a run writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sciml.data.atomic import atomic_path

_CONTENTS = (
    "config.yaml",
    "metrics.jsonl",
    "model.safetensors",
    "model.json",
    "report.json",
    "report.html",
    "checkpoint",
    "figures",
)


class RunFolder:
    """config.yaml, metrics.jsonl, model.safetensors + model.json, checkpoint/, report.json, report.html, figures/."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint" / "state.pt"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    def require_free(self, *, overwrite: bool = False, resume: bool = False) -> None:
        """Raises FileExistsError where the folder exists and may not be used, FileNotFoundError where there is nothing to resume."""
        if resume:
            if not self.config.is_file():
                raise FileNotFoundError(
                    f"there is no run to resume in {self.path}; start it without --resume"
                )
        elif self.path.exists() and any(self.path.iterdir()):
            if not overwrite:
                raise FileExistsError(
                    f"run folder {self.path} exists; use --overwrite to replace it, --resume to continue it, or another --output"
                )
            if not self.config.is_file():
                raise FileExistsError(
                    f"{self.path} is not a run folder (no config.yaml), so it is not overwritten; choose another --output"
                )

    def create(self, config_text: str) -> None:
        """Start an empty run folder; what an earlier run left in it goes, and nothing else."""
        for name in _CONTENTS:
            target = self.path / name
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_config(config_text)

    def write_config(self, config_text: str) -> None:
        with atomic_path(self.config) as temporary:
            temporary.write_text(config_text, encoding="utf-8")

    def log(self, record: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def records(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        if not self.metrics.is_file():
            return []
        return [json.loads(line) for line in self.metrics.read_text(encoding="utf-8").splitlines()]

    def drop_records_after(self, step: int) -> None:
        """Forget what a killed run logged after its last checkpoint; the resumed run logs it again."""
        kept = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines() if self.metrics.is_file() else []:
            try:
                record = json.loads(line)
            except json.JSONDecodeError:  # the kill came while the line was being written
                break
            if record["step"] <= step:
                kept.append(line)
        with atomic_path(self.metrics) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        with atomic_path(self.checkpoint) as temporary:
            torch.save(dict(state), temporary)

    def load_checkpoint(self, device: torch.device) -> dict[str, Any] | None:
        """The last checkpoint; None where the run was killed before its first one."""
        if not self.checkpoint.is_file():
            return None
        state: dict[str, Any] = torch.load(self.checkpoint, map_location=device, weights_only=True)
        return state
