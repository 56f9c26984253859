"""What is reported of an operator's predictions on test sets: rows, figures and a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matplotlib.figure import Figure

from pdes import Grid
from sciml.evaluate import (
    Predictor,
    TestSet,
    error_spectrum,
    format_table,
    nyquist,
    predictions,
    resolution_of,
    super_resolution,
)
from sciml.plots import plot_comparison, plot_energy_beyond, plot_spectrum, plot_superresolution
from sciml.tasks.task import Evaluation

SAMPLES_SHOWN = 3
Figures = list[tuple[str, Figure, str]]


def evaluate_operator(
    predict: Predictor,
    coarse: Predictor,
    train_grids: Sequence[Grid],
    tests: Sequence[TestSet],
    names: tuple[str, str],
    channel: int,
) -> Evaluation:
    """Errors on every test set beside their controls, by resolution and by wavenumber.

    Parameters
    ----------
    predict, coarse, tests : see `super_resolution`
    train_grids : the one that counts as the training grid, and further ones
    names : of the input and of the target that figures show
    channel : of the targets, that figures show
    """
    if not tests:
        return Evaluation({"rel_l2": None, "rel_l2_why": "no test file was given (data.test)"})
    train_grid, *also = train_grids
    rows = super_resolution(predict, train_grid, tests, also=also, coarse=coarse)
    trained = [row for row in rows if row["interpolated_rel_l2"] is None]
    if trained:
        headline = {key: trained[0][key] for key in ("rel_l2", "rel_l2_interval")}
    else:
        headline = {"rel_l2": None, "rel_l2_why": "no test file lies on the training grid"}
    metrics = {**headline, "train_resolution": resolution_of(train_grid), "superresolution": rows}
    ordered = sorted(tests, key=lambda test: (test.grid.shape, test.refinement))
    figures = _error_figures(rows, train_grid)
    figures += [_fields(predict, test, names, channel) for test in ordered]
    figures += _spectra(predict, train_grid, max(tests, key=lambda test: test.grid.shape))
    return Evaluation(metrics, figures, format_table(rows))


def _error_figures(rows: Sequence[dict], train_grid: Grid) -> Figures:
    """Errors against resolution, in space and in time."""
    figures: Figures = []
    resolution = resolution_of(train_grid)
    in_space = [row for row in rows if row["refinement"] == 1]
    if len(in_space) > 1:
        caption = (
            "Relative L2 error against resolution, beside the interpolation of the model's own "
            "training-resolution prediction. Bars: 95 % of bootstrap samples of the test set."
        )
        figures.append(("superresolution.png", plot_superresolution(in_space, resolution), caption))
    in_time = [{**row, "resolution": row["refinement"]} for row in rows if row["resolution"] == resolution]
    if len(in_time) > 1:
        caption = (
            "Relative L2 error against the resolution in time, beside the interpolation in time of the "
            "prediction at the training's frames."
        )
        figure = plot_superresolution(in_time, 1, "frames for each of the training")
        figures.append(("time_superresolution.png", figure, caption))
    if any(row["beyond_nyquist"] for row in rows):
        caption = (
            "Energy at wavenumbers that the training grid does not hold, as a share of the truth's energy: "
            "what is there, what the model and the interpolation make of it, and the energy of the model's error."
        )
        figures.append(("energy_beyond_nyquist.png", plot_energy_beyond(rows), caption))
    return figures


def _fields(
    predict: Predictor, test: TestSet, names: tuple[str, str], channel: int
) -> tuple[str, Figure, str]:
    inputs, targets = test.inputs[:SAMPLES_SHOWN], test.targets[:SAMPLES_SHOWN, channel]
    predicted = predictions(predict, inputs, test.grid)[:, channel]
    figure = plot_comparison(inputs[:, 0].cpu(), predicted.cpu(), targets.cpu(), test.grid, names=names)
    size = " x ".join(map(str, test.grid.shape))
    stem = re.sub(r"\W+", "_", test.name)
    return f"fields_{stem}.png", figure, f"Test samples at {size} points ({test.name})."


def _spectra(predict: Predictor, train_grid: Grid, finest: TestSet) -> Figures:
    predicted = predictions(predict, finest.inputs, finest.grid)
    spectrum = error_spectrum(predicted.cpu(), finest.targets.cpu(), finest.grid)
    caption = (
        f"Relative energy of truth, prediction and error by wavenumber ({finest.name}); the dashed line is the "
        "training grid's Nyquist wavenumber."
    )
    return [("spectrum.png", plot_spectrum(*spectrum, train_nyquist=nyquist(train_grid)), caption)]
