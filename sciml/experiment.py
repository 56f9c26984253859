"""Training and evaluating a run from its configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from sciml.assemble import assemble
from sciml.config import Config
from sciml.config_file import dump_config, load_config
from sciml.data import list_recipes, locate_recipe, read_recipe
from sciml.evaluate import at_resolutions
from sciml.tasks import Evaluation, OperatorTask, judge_by_physics
from sciml.train import RunFolder, Trainer, load_model, save_model, write_run_report

_MAY_CHANGE_ON_RESUME = (
    "output",
    "threads",
    "train.max_seconds",
    "train.log_every",
    "train.log_gradients",
    "train.checkpoint_seconds",
)


def train(config: Config, *, overwrite: bool = False, resume: bool = False) -> tuple[dict[str, Any], str]:
    """Train what the configuration describes, evaluate it, and write the run folder.

    Returns the content of report.json and the table for the terminal.

    Raises
    ------
    ValueError, FileNotFoundError, FileExistsError
        For anything wrong with the configuration, its files or the run folder, before anything is written.
    TrainingError
        Where a loss or a parameter stops being finite.
    """
    run = RunFolder(config.folder)
    run.require_free(overwrite=overwrite, resume=resume)
    if resume:
        _require_same(load_config(run.config), config, run.config)
    task, model, balancers, description = assemble(config)
    trainer = Trainer(task, model, config.train, balancers, run)
    trainer.rehearse()
    if resume:
        run.write_config(dump_config(config))
        trainer.resume(next(model.parameters()).device)
    else:
        run.create(dump_config(config))
    trainer.fit()
    save_model(run.path, model, description)
    evaluation = task.evaluate(model)
    report = write_run_report(
        run.path, config, model, evaluation, steps=trainer.step, wall_s=trainer.wall_s, records=run.records()
    )
    return report, evaluation.table


def evaluate(
    folder: str | Path,
    *,
    data: Sequence[str] = (),
    resolutions: Sequence[int] = (),
    recipe: str | Path | None = None,
) -> tuple[dict[str, Any], str]:
    """Evaluate a trained run anew into ``folder``/evaluation.

    An operator is judged by the physics of its data, too, where their recipe is known: see `judge_by_physics`.

    Parameters
    ----------
    data : test files of an operator, in place of those of the run
    resolutions : points an axis at which an operator is evaluated, taken from the finest test file where no file
        has them; by default every file at its own
    recipe : name, file or folder of the data's recipe; by default that whose name the training file carries

    Returns
    -------
    The content of the new report.json and the table for the terminal.

    Raises FileNotFoundError where the folder holds no trained model, ValueError for anything else that is wrong.
    """
    run = RunFolder(folder)
    model, _ = load_model(run.path)
    config = load_config(run.config)
    if config.data is None and (data or resolutions):
        raise ValueError(
            f"{folder} is a PINN: it is evaluated on its problem's test grid and takes no --data or --resolutions"
        )
    if config.data is not None and data:
        config.data.test = list(data)
    task, fresh, _, _ = assemble(config)
    if isinstance(task, OperatorTask) and resolutions:
        task.tests = at_resolutions(task.tests, resolutions)
    fresh.load_state_dict(model.state_dict())
    evaluation = task.evaluate(fresh.eval())
    if isinstance(task, OperatorTask) and task.tests:
        _add(evaluation, _by_physics(task, fresh, recipe))
    records = run.records()
    last: Mapping[str, Any] = records[-1] if records else {"step": 0, "wall_s": 0.0}
    report = write_run_report(
        run.path / "evaluation", config, fresh, evaluation, steps=last["step"], wall_s=last["wall_s"]
    )
    return report, evaluation.table


def _by_physics(task: OperatorTask, model: nn.Module, recipe: str | Path | None) -> Evaluation:
    file = task.train.file
    if recipe is None and file.name not in list_recipes():
        why = f"no recipe is called {file.name!r}, as the training file is; name the recipe of the data with --recipe"
        return Evaluation({"residual": None, "residual_why": why, "timings": None, "timings_why": why})
    return judge_by_physics(task, model, read_recipe(locate_recipe(recipe or file.name)), file.parameters)


def _add(evaluation: Evaluation, more: Evaluation) -> None:
    evaluation.metrics |= more.metrics
    evaluation.figures += more.figures
    evaluation.table = "\n\n".join(table for table in (evaluation.table, more.table) if table)


def _require_same(old: Config, new: Config, path: Path) -> None:
    """Raises ValueError, naming the key, where a resumed run would not be the run it resumes."""
    for key, before, after in differences(old, new, _MAY_CHANGE_ON_RESUME):
        raise ValueError(
            f"--resume: {key} is {after!r}, but {path} has {before!r}; resume with the same configuration or start anew"
        )


def differences(old: Config, new: Config, ignored: Sequence[str]) -> Iterator[tuple[str, Any, Any]]:
    """The keys, dotted, in which two configurations differ, and both values; but for those ``ignored``."""

    def flat(value: Any, key: str = "") -> dict[str, Any]:
        if not isinstance(value, dict):
            return {key: value}
        return {
            k: v
            for name, part in value.items()
            for k, v in flat(part, f"{key}.{name}" if key else name).items()
        }

    before, after = flat(dataclasses.asdict(old)), flat(dataclasses.asdict(new))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key) and key not in ignored:
            yield key, before.get(key), after.get(key)
