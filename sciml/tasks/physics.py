"""An operator judged by the physics of its data: the residual of its predictions, and its time beside the solver's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from sciml.data import Recipe
from sciml.evaluate import Physics, align, equal_accuracy, format_place, predictions, residual_norms
from sciml.plots import plot_residuals, plot_work_precision
from sciml.tasks.operator import OperatorTask
from sciml.tasks.task import Evaluation

Rows = list[dict[str, Any]]


def judge_by_physics(
    task: OperatorTask, model: nn.Module, recipe: Recipe, parameters: Mapping[str, float]
) -> Evaluation:
    """The residuals and the timings of all test sets; what there cannot be is None in the metrics, beside the reason.

    Parameters
    ----------
    recipe : of the data
    parameters : of the equation, as the data state them
    """
    predict = task.predictor(model)
    residuals: Rows = []
    timings: Rows = []
    metrics: dict[str, Any] = {}
    for test in sorted(task.tests, key=lambda test: (test.grid.shape, test.refinement)):
        try:
            physics = Physics(recipe, parameters, test)
        except ValueError as error:
            metrics |= dict.fromkeys(("residual_why", "timings_why"), str(error))
            continue
        timings.append(equal_accuracy(predict, physics, test))
        try:
            residuals += residual_norms(physics, test, predictions(predict, test.inputs, test.grid))
        except ValueError as error:
            metrics["residual_why"] = str(error)
    metrics |= {"residual": residuals or None, "timings": timings or None}
    figures = []
    if residuals:
        caption = (
            f"Residual of {type(recipe.pde).__name__} for the predictions and, by the same derivatives, for the reference: "
            "a prediction is no better than the grid can tell."
        )
        figures.append(("residual.png", plot_residuals(residuals), caption))
    if timings:
        caption = (
            "Error against time a sample: the model, and the reference solver on ever finer grids with ever smaller steps, until it is as "
            f"accurate ({timings[0]['n_samples']} samples at once, {timings[0]['threads']} thread(s))."
        )
        figures.append(("work_precision.png", plot_work_precision(timings), caption))
    return Evaluation(metrics, figures, _table(timings, metrics.get("timings_why")))


def _table(timings: Rows, why: str | None) -> str:
    if not timings:
        return f"no timings: {why}"
    header = ["resolution", "rel_l2", "model [ms]", "solver [ms]", "speed-up", "solver"]
    body = []
    for row in timings:
        solver = row["solver_why"]
        if solver is None:
            step = f", dt {row['solver_dt']:.3g}" if row["solver_dt"] else ""
            solver = f"{row['solver_resolution']} points{step}: {row['solver_rel_l2']:.5f}"
        body.append(
            [format_place(row), f"{row['rel_l2']:.5f}"]
            + ["-" if value is None else f"{1e3 * value:.3g}" for value in (row["model_s"], row["solver_s"])]
            + ["-" if row["speedup"] is None else f"{row['speedup']:.3g}", solver]
        )
    return align(header, body)
