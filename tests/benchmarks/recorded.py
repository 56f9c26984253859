"""Measurements in pieces: runs are recorded in a file one by one, and those recorded are not repeated."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from torch import nn

from sciml.config import Config
from sciml.config_file import dump_config
from sciml.data.atomic import atomic_path
from sciml.optim import Balancer
from sciml.tasks import Task
from sciml.train import RunFolder, Trainer, TrainingError

WORKERS = 2
Record = dict[str, Any]


def load(file: Path) -> dict[str, Record]:
    """The runs recorded so far."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def missing(file: Path, runs: Iterable[tuple]) -> dict[str, tuple]:
    """Those runs that ``file`` does not hold, by their keys in it."""
    records = load(file)
    return {key: run for run in runs if (key := "/".join(map(str, run))) not in records}


def complete(file: Path, measure: Callable[..., Record], runs: Iterable[tuple]) -> Iterator[Record]:
    """Those runs that ``file`` does not hold as ``measure(*run)``, two side by side, each recorded as it ends."""
    records = load(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(measure, *run): key for key, run in missing(file, runs).items()}
        for future in as_completed(futures):
            records[futures[future]] = future.result()
            with atomic_path(file) as temporary:
                temporary.write_text(json.dumps(records, indent=1), encoding="utf-8")
            yield records[futures[future]]


def fit(config: Config, task: Task, model: nn.Module, balancers: Sequence[Balancer]) -> tuple[int, bool]:
    """Train in a folder that is thrown away: the steps taken, and whether all stayed finite."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(folder)
        run.create(dump_config(config))
        trainer = Trainer(task, model, config.train, balancers, run)
        try:
            trainer.fit()
        except TrainingError:
            return trainer.step, False
    return trainer.step, True
