"""A field in one space dimension and time: maps over (t, x), and snapshots below."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure, SubFigure

from sciml.plots.style import (
    ERROR,
    PREDICTION,
    TRUTH,
    Array,
    add_colorbar,
    as_array,
    colours,
    error_norm,
    label,
    pixel_extent,
    styled,
)

SNAPSHOTS = 4


@styled
def plot_spacetime(
    x: Array,
    t: Array,
    prediction: Array,
    truth: Array | None,
    *,
    field: str,
    points: Array | None = None,
    units: str = "",
) -> Figure:
    """Draw prediction, truth and |error| (logarithmic) over time and space, and u(x) at four times.

    Parameters
    ----------
    x, t
        Uniform coordinates (n_x,) and (n_t,).
    prediction, truth
        Fields (n_x, n_t); without a truth the prediction is drawn alone.
    field
        Name of the field.
    points
        Training points (n, 2) with columns x and t, drawn over the prediction.
    units
        Unit of the field; empty for a dimensionless one.

    Raises
    ------
    ValueError
        For shapes other than these.
    """
    space, time = as_array(x), as_array(t)
    predicted = as_array(prediction)
    true = None if truth is None else as_array(truth)
    for role, values in (("prediction", predicted), ("truth", true)):
        if values is not None and values.shape != (len(space), len(time)):
            raise ValueError(
                f"plot_spacetime: {role} has shape {values.shape}; expected (n_x, n_t) = {(len(space), len(time))}"
            )
    scattered = None if points is None else as_array(points)
    if scattered is not None and (scattered.ndim != 2 or scattered.shape[1] != 2):
        raise ValueError(
            f"plot_spacetime: points have shape {scattered.shape}; expected (n, 2) with columns x and t"
        )

    fig = Figure(figsize=(11, 5.4))
    upper, lower = fig.subfigures(2, 1, squeeze=False, height_ratios=[1.15, 1])[:, 0]
    _maps(upper, space, time, predicted, true, scattered, field, units)
    _snapshots(lower, space, time, predicted, true, label(field, units))
    return fig


def _maps(
    fig: SubFigure,
    x: np.ndarray,
    t: np.ndarray,
    predicted: np.ndarray,
    true: np.ndarray | None,
    points: np.ndarray | None,
    field: str,
    units: str,
) -> None:
    shared = colours(predicted if true is None else true)
    maps = [(f"prediction {field}", predicted, shared)]
    if true is not None:
        error = np.abs(predicted - true)
        maps += [
            (f"truth {field}", true, shared),
            ("|error|", error, {"cmap": ERROR, "norm": error_norm(error)}),
        ]
    panels = list(fig.subplots(1, len(maps), squeeze=False, sharex=True, sharey=True)[0])
    extent = pixel_extent(t, x)
    images = []
    for panel, (title, values, style) in zip(panels, maps, strict=True):
        images.append(panel.imshow(values, extent=extent, aspect="auto", **style))
        panel.set_title(title)
        panel.set_xlabel(label("t"))
        panel.spines[:].set_visible(True)
    panels[0].set_ylabel(label("x"))
    if points is not None:
        panels[0].plot(points[:, 1], points[:, 0], ".", color="black", markersize=1.2, alpha=0.5)
    # prediction and truth share one scale, so one bar, beside the right one of the two
    add_colorbar(
        images[min(1, len(images) - 1)], label(field, units), shown=[predicted], width=0.05 * len(maps) / 3
    )
    if true is not None:
        add_colorbar(images[2], label("|error|", units))


def _snapshots(
    fig: SubFigure,
    x: np.ndarray,
    t: np.ndarray,
    predicted: np.ndarray,
    true: np.ndarray | None,
    quantity: str,
) -> None:
    columns = np.unique(np.linspace(0, len(t) - 1, SNAPSHOTS).round().astype(int))
    panels = list(fig.subplots(1, len(columns), squeeze=False, sharex=True, sharey=True)[0])
    for panel, column in zip(panels, columns, strict=True):
        if true is not None:
            panel.plot(x, true[:, column], color=TRUTH, linewidth=2.4, alpha=0.55, label="truth")
        panel.plot(x, predicted[:, column], color=PREDICTION, linestyle="--", label="prediction")
        panel.set_title(f"t = {t[column]:.3g}")
        panel.set_xlabel(label("x"))
        panel.grid(True)
    panels[0].set_ylabel(quantity)
    panels[0].legend(loc="best")
