"""Input, prediction, truth and error of a few samples, side by side."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pdes.grid import Axis, Grid
from sciml.plots.style import (
    ERROR,
    PREDICTION,
    TRUTH,
    Array,
    add_colorbar,
    as_array,
    colours,
    label,
    pixel_extent,
    styled,
)

Names = tuple[str, str]


@styled
def plot_comparison(
    input: Array | None,
    prediction: Array,
    truth: Array,
    grid: Grid,
    *,
    names: Names | list[Names],
    units: str = "",
) -> Figure:
    """Compare predicted fields with the truth.

    In 2-D a row for each sample: input, prediction, truth, |error|. Prediction and truth share the truth's
    colour limits, and the colour bar carries an arrow where the prediction leaves them. With more axes
    the same in the plane of the first two, in the middle of the others. In 1-D a column for each sample: the input,
    prediction over truth, and the error below.

    Parameters
    ----------
    input, prediction, truth
        Fields (sample, *grid): one channel each; no ``input`` leaves its panels out.
    names
        Names of the input and of the predicted field; or a list of such pairs, one for each sample, to show several problems.
    units
        Unit of the predicted field; empty for a dimensionless one.

    Raises
    ------
    ValueError
        For fields that are not (sample, *grid), or a number of names that is not that of the samples.
    """
    predicted, true = as_array(prediction), as_array(truth)
    given = None if input is None else as_array(input)
    for role, field in (("input", given), ("prediction", predicted), ("truth", true)):
        if field is not None and field.shape != (len(true), *grid.shape):
            raise ValueError(
                f"plot_comparison: {role} has shape {field.shape}; expected (sample, *grid) = "
                f"{(len(true), *grid.shape)}, one channel at a time"
            )
    pairs = names if isinstance(names, list) else [names] * len(true)
    if len(pairs) != len(true):
        raise ValueError(
            f"plot_comparison: names has {len(pairs)} pairs for {len(true)} samples; give one pair, or one for each sample"
        )
    if len(grid) == 1:
        return _lines(given, predicted, true, grid.axes[0], pairs, units)
    cut: tuple[slice | int, ...] = (*[slice(None)] * 3, *(axis.n // 2 for axis in grid.axes[2:]))
    places = ", ".join(f"{axis.name} = {float(axis.points()[axis.n // 2]):.4g}" for axis in grid.axes[2:])
    return _maps(
        None if given is None else given[cut],
        predicted[cut],
        true[cut],
        grid.axes[:2],
        pairs,
        units,
        f"Slice at {places}" if places else "",
    )


def _maps(
    inputs: np.ndarray | None,
    predictions: np.ndarray,
    truths: np.ndarray,
    axes: tuple[Axis, ...],
    names: list[Names],
    units: str,
    title: str,
) -> Figure:
    first, second = axes
    points = first.points().numpy(), second.points().numpy()
    extent = pixel_extent(*points)
    # a picture of space against time, or of a long channel, has no natural aspect
    ratio = second.length / first.length
    natural = "t" not in (first.name, second.name) and 0.25 <= ratio <= 4
    rows = len(truths)
    width = 2.1 if natural else 2.4
    height = width * (ratio if natural else 0.9)
    # one problem is named once, at the top; of several, the colour bars name the fields
    source, result = (f" {name}" for name in names[0]) if len(set(names)) == 1 else ("", "")
    headings = [f"prediction{result}", f"truth{result}", "|error|"]
    if inputs is not None:
        headings.insert(0, f"input{source}")
    fig = Figure(figsize=(0.3 + 2.8 * len(headings), rows * (height + 0.3) + (0.8 if title else 0.5)))
    panels = fig.subplots(rows, len(headings), squeeze=False, sharex=True, sharey=True)
    for row, (predicted, true) in enumerate(zip(predictions, truths, strict=True)):
        error = np.abs(predicted - true)
        shared = colours(true)
        shown = [
            (predicted, shared),
            (true, shared),
            (error, {"cmap": ERROR, "vmin": 0.0, "vmax": error.max() or 1.0}),
        ]
        if inputs is not None:
            shown.insert(0, (inputs[row], colours(inputs[row])))
        # arrays are indexed (first, second), images (row, column)
        images = [
            panel.imshow(field.T, extent=extent, aspect="equal" if natural else "auto", **style)
            for panel, (field, style) in zip(panels[row], shown, strict=True)
        ]
        if inputs is not None:
            add_colorbar(images[0], label(names[row][0]))
        add_colorbar(images[-2], label(names[row][1], units), shown=[predicted])
        add_colorbar(images[-1], label("|error|", units))
        panels[row, 0].set_ylabel(label(second.name))
    for column, heading in enumerate(headings):
        panels[0, column].set_title(heading)
        panels[-1, column].set_xlabel(label(first.name))
    for panel in panels.flat:
        panel.spines[:].set_visible(True)
    for axis in (panels[0, 0].xaxis, panels[0, 0].yaxis):  # shared by all panels
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    if title:
        fig.suptitle(title)
    return fig


def _lines(
    inputs: np.ndarray | None,
    predictions: np.ndarray,
    truths: np.ndarray,
    axis: Axis,
    names: list[Names],
    units: str,
) -> Figure:
    x = axis.points().numpy()
    columns = len(truths)
    ratios = [3, 2] if inputs is None else [2, 3, 2]
    fig = Figure(figsize=(max(4.5, 3.1 * columns + 0.6), 0.8 * sum(ratios)))
    panels = fig.subplots(
        len(ratios), columns, squeeze=False, sharex=True, gridspec_kw={"height_ratios": ratios}
    )
    for column, (predicted, true) in enumerate(zip(predictions, truths, strict=True)):
        middle, bottom = panels[-2:, column]
        if inputs is not None:
            panels[0, column].plot(x, inputs[column], color=TRUTH)
        middle.plot(x, true, color=TRUTH, linewidth=2.4, alpha=0.55, label="truth")
        middle.plot(x, predicted, color=PREDICTION, linestyle="--", label="prediction")
        bottom.plot(x, predicted - true, color=PREDICTION)
        bottom.axhline(0.0, color=TRUTH, linewidth=0.6)
        bottom.set_xlabel(label(axis.name))
        panels[0, column].set_title(f"sample {column + 1}")
    for column, (source, result) in enumerate(names if len(set(names)) > 1 else names[:1]):
        quantity = label(result, units)
        rows = (quantity, f"error of {quantity}")
        _name_rows(panels[:, column], rows if inputs is None else (source, *rows))
    panels[-2, 0].legend(loc="best")
    for panel in panels.flat:
        panel.grid(True)
    fig.align_ylabels(list(panels[:, 0]))
    return fig


def _name_rows(panels: np.ndarray, texts: tuple[str, ...]) -> None:
    panel: Axes
    for panel, text in zip(panels, texts, strict=True):
        panel.set_ylabel(text)
