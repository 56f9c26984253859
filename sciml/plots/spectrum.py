"""Error by wavenumber, beside the energy that is there to be predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from sciml.plots.style import ERROR_LINE, MARK, PREDICTION, TRUTH, Array, as_array, plain_log_ticks, styled


@styled
def plot_spectrum(
    wavenumbers: Array | Sequence[float],
    truth: Array | Sequence[float],
    error: Array | Sequence[float],
    prediction: Array | Sequence[float] | None = None,
    *,
    train_nyquist: float | None = None,
) -> Figure:
    """Draw the energy of truth, prediction and error in each wavenumber shell, as fractions of the truth's total.

    A scale is resolved where the error lies below the truth. Wavenumbers beyond ``train_nyquist`` did not exist
    on the training grid; they are shaded. The mean (wavenumber 0) has no place on a logarithmic axis and
    is left out.
    """
    k, reference, wrong = as_array(wavenumbers), as_array(truth), as_array(error)
    shown = k > 0
    fig = Figure(figsize=(5.6, 3.6))
    panel = fig.subplots()
    panel.plot(k[shown], reference[shown], color=TRUTH, label="truth")
    if prediction is not None:
        panel.plot(
            k[shown], as_array(prediction)[shown], color=PREDICTION, linestyle="--", label="prediction"
        )
    panel.plot(k[shown], wrong[shown], color=ERROR_LINE, label="error")
    if train_nyquist is not None:
        panel.axvline(train_nyquist, color=MARK, linestyle="--", linewidth=1.0)
        panel.axvspan(train_nyquist, max(float(k.max()), train_nyquist), color=MARK, alpha=0.15, linewidth=0)
        panel.annotate(
            "training Nyquist", (train_nyquist, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3),
            textcoords="offset points", ha="center", fontsize=8, color="#666666",
        )  # fmt: skip
    panel.set_xscale("log")
    plain_log_ticks(panel.xaxis)
    panel.set_yscale("log", nonpositive="mask")
    top = float(max(reference[shown].max(initial=0.0), wrong[shown].max(initial=0.0)))
    # below this only rounding is left, which would take most of the axis
    floor = 1e-12 * top
    smallest = np.concatenate([reference[shown], wrong[shown]])
    if top > 0:
        panel.set_ylim(max(floor, float(smallest[smallest > 0].min()) / 2), 3 * top)
    panel.set_xlim(float(k[shown].min()), float(k.max()))
    panel.set_xlabel("wavenumber [waves on the longest side]")
    panel.set_ylabel("energy / total energy of the truth [–]")
    panel.grid(True)
    panel.legend(loc="best")
    return fig
