"""How every figure looks: fonts, colours, labels and colour limits.

Figures are `matplotlib.figure.Figure` objects, never pyplot's global state, so that they need no display and
nothing has to be closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axis import Axis as MatplotlibAxis
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from torch import Tensor

P = ParamSpec("P")
T = TypeVar("T")
Array = np.ndarray | Tensor
Extent = tuple[float, float, float, float]

SEQUENTIAL, DIVERGING, ERROR = "viridis", "RdBu_r", "magma"
# distinct to colour-blind readers
TRUTH, PREDICTION, CONTROL, ERROR_LINE, MARK = "#4d4d4d", "#0072b2", "#d55e00", "#cc79a7", "#999999"

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    # colours first: the ninth curve is the first one's colour, dashed
    "axes.prop_cycle": cycler(linestyle=["-", "--", ":"])
    * cycler(color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d", "#8c564b"]),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-2, 4),
    "grid.linewidth": 0.5,
    "grid.alpha": 0.35,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "image.origin": "lower",
    "figure.dpi": 150,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.wspace": 0.07,
}


def styled(plot: Callable[P, T]) -> Callable[P, T]:
    """Run a plotting function under the project's style, leaving the caller's settings alone."""

    @wraps(plot)
    def under_style(*args: P.args, **kwargs: P.kwargs) -> T:
        with mpl.rc_context(_RC):
            return plot(*args, **kwargs)

    return under_style


def as_array(values: Array | Sequence[float]) -> np.ndarray:
    """A tensor or array as float64, off the device and the graph."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def label(name: str, unit: str = "") -> str:
    """``x [m]``; a quantity without a unit is marked so, ``x [–]``."""
    return f"{name} [{unit or '–'}]"


def size_label(resolution: int | Sequence[int]) -> str:
    """``32``, or ``32×48`` where the axes of a grid differ."""
    return str(resolution) if isinstance(resolution, int) else "×".join(map(str, resolution))


def place_label(row: Mapping[str, Any]) -> str:
    """The ``resolution`` of a row and, where it has several frames for each of the training, its ``refinement`` in time."""
    finer = f"\nΔt / {row['refinement']}" if row.get("refinement", 1) > 1 else ""
    return size_label(row["resolution"]) + finer


def colours(field: np.ndarray) -> dict[str, Any]:
    """Colour map and limits of a field: diverging and centred at 0 for a signed one, else sequential.

    A field whose smaller side is below 5 % of the larger counts as one-signed, so that an undershoot does not
    turn a concentration into a signed quantity.
    """
    low, high = float(field.min()), float(field.max())
    if min(-low, high) > 0.05 * max(-low, high):
        bound = max(-low, high)
        return {"cmap": DIVERGING, "vmin": -bound, "vmax": bound}
    if low == high:
        margin = 0.5 * abs(low) or 0.5
        low, high = low - margin, high + margin
    return {"cmap": SEQUENTIAL, "vmin": low, "vmax": high}


def error_norm(error: np.ndarray, decades: float = 4.0) -> LogNorm | None:
    """Logarithmic colour scale over the top ``decades`` of an error; None (linear) where it vanishes."""
    top = float(error.max())
    return LogNorm(top * 10**-decades, top, clip=True) if top > 0 else None


def pixel_extent(horizontal: np.ndarray, vertical: np.ndarray) -> Extent:
    """Image extent that puts the centre of each pixel on its point."""

    def ends(points: np.ndarray) -> tuple[float, float]:
        half = 0.5 * (points[-1] - points[0]) / (len(points) - 1)
        return points[0] - half, points[-1] + half

    return (*ends(horizontal), *ends(vertical))


def written_out(value: float, _position: float) -> str:
    """A tick label without an exponent or an offset, where three figures allow."""
    return f"{value:.3g}"


def plain_log_ticks(axis: MatplotlibAxis) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5 times the powers of ten, written out."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(written_out)
    axis.set_minor_formatter(NullFormatter())


def add_colorbar(
    image: AxesImage, text: str, shown: Sequence[np.ndarray] = (), width: float = 0.05
) -> Colorbar:
    """A labelled colour bar beside its panel, with arrows where a ``shown`` field leaves its limits.

    ``width`` is a fraction of the panel's.
    """
    low, high = image.get_clim()
    tolerance = 1e-9 * (high - low)
    below = any(field.min() < low - tolerance for field in shown)
    above = any(field.max() > high + tolerance for field in shown)
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    # an inset keeps the height of the panel, whatever its aspect
    inset = image.axes.inset_axes((1 + 0.8 * width, 0.0, width, 1.0))
    bar = image.axes.figure.colorbar(image, cax=inset, extend=extend[below, above])
    bar.set_label(text, labelpad=2)
    if not isinstance(image.norm, LogNorm):
        bar.locator = MaxNLocator(5)
        bar.update_ticks()
    bar.outline.set_linewidth(0.5)
    return bar
