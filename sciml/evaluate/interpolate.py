"""Fields from one grid to another of the same domain."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

import numpy as np
import torch
from scipy.interpolate import CubicSpline, make_interp_spline
from torch import Tensor

from pdes.grid import Axis, Grid
from sciml.data.coarsen import trigonometric

Method = Literal["cubic", "linear", "nearest", "trigonometric"]


def interpolate(fields: Tensor, source: Grid, target: Grid, method: Method = "cubic") -> Tensor:
    """Tensor-product interpolation, one axis at a time.

    An axis on which every target point is a source point is subsampled, exactly. Otherwise "cubic" is the
    interpolating cubic spline (order 4; periodic on periodic axes, not-a-knot at walls), "linear" its
    piecewise linear counterpart (order 2, no overshoot between points), and "nearest" the nearest point,
    the upper one of two equally near (for coefficients that take a few values). "trigonometric" is the trigonometric
    polynomial through the points of a periodic axis, exact for band-limited fields; what a coarser target cannot hold
    of it is cut off, not sampled, and other axes have the cubic spline. Target points outside the outermost source
    points, as between cell centres and a wall, are extrapolated by the last polynomial piece.

    Parameters
    ----------
    fields
        Real tensor (batch, channel, *source.shape).
    source, target
        Grids with the same axis names, ends and periodicity; sizes and conventions may differ.

    Returns
    -------
    Tensor (batch, channel, *target.shape), dtype and device of ``fields``, without a gradient.

    Raises
    ------
    ValueError
        For domains that differ, fields that do not lie on ``source``, or an unknown method.
    """
    if method not in get_args(Method):
        raise ValueError(f"unknown interpolation {method!r}; choose one of {', '.join(get_args(Method))}")
    if tuple(fields.shape[2:]) != source.shape:
        raise ValueError(
            f"fields of shape {tuple(fields.shape)} do not lie on a grid of shape {source.shape}; "
            "expected (batch, channel, *grid)"
        )
    check_same_domain(source, target)
    values = fields.detach()
    for dim, (old, new) in enumerate(zip(source, target, strict=True), start=2):
        values = _along_axis(values, dim, old, new, method)
    return values


def check_same_domain(source: Grid, target: Grid) -> None:
    """Raise ValueError unless the two grids cover one domain: names, ends (relative 1e-5) and periodicity."""
    if source.names != target.names:
        raise ValueError(
            f"grids have different axes: {', '.join(source.names)} and {', '.join(target.names)}"
        )
    for old, new in zip(source, target, strict=True):
        tolerance = 1e-5 * old.length
        same_ends = abs(old.lower - new.lower) <= tolerance and abs(old.upper - new.upper) <= tolerance
        if not same_ends or old.periodic != new.periodic:
            raise ValueError(
                f"axis {old.name!r}: the domains differ, {_describe(old)} against {_describe(new)}; "
                "check the grid convention of both data sets"
            )


def _describe(axis: Axis) -> str:
    return f"{'periodic ' if axis.periodic else ''}[{axis.lower:g}, {axis.upper:g}]"


def _along_axis(values: Tensor, dim: int, source: Axis, target: Axis, method: Method) -> Tensor:
    # the ends agree up to rounding; making them identical keeps rounding from breaking coincident points
    target = dataclasses.replace(target, lower=source.lower, upper=source.upper)
    if method == "trigonometric":
        if source.periodic:
            return values if source == target else trigonometric(values, dim, source, target)
        method = "cubic"
    x, y = source.points().numpy(), target.points().numpy()
    position = (y - x[0]) / source.spacing
    index = np.floor(position + 0.5 + 1e-9).astype(np.int64)
    coincident = bool(np.abs(position - index).max() < 1e-6)
    if source.periodic:
        index %= source.n
    inside = index.min() >= 0 and index.max() < source.n
    if method == "nearest" or (coincident and inside):
        chosen = torch.as_tensor(index.clip(0, source.n - 1), device=values.device)
        return values.index_select(dim, chosen)
    data = values.double().cpu().numpy()
    if source.periodic:
        x = np.append(x, x[0] + source.length)
        data = np.concatenate([data, data.take([0], axis=dim)], axis=dim)
        y = x[0] + (y - x[0]) % source.length
    if method == "linear":
        spline = make_interp_spline(x, data, k=1, axis=dim)
    else:
        spline = CubicSpline(x, data, axis=dim, bc_type="periodic" if source.periodic else "not-a-knot")
    return torch.from_numpy(np.ascontiguousarray(spline(y))).to(values)
