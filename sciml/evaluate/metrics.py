"""Errors of predicted fields, one number a sample; every metric takes (batch, channel, *grid).

`relative_l2` and `relative_h1` are differentiable and serve as training losses too.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pdes.grid import Grid


def relative_l2(prediction: Tensor, truth: Tensor) -> Tensor:
    """Relative L2 error ‖prediction − truth‖ / ‖truth‖ of each sample, norms over channels and grid.

    Uniform grids only: the quadrature weight cancels. A truth that is zero everywhere gives inf or NaN;
    `checked_relative_l2` says so.

    Parameters
    ----------
    prediction, truth
        Tensors (batch, channel, *grid) of one shape.

    Returns
    -------
    Tensor (batch,), without a unit.
    """
    error, scale = _paired(prediction, truth)
    return torch.linalg.vector_norm(error, dim=1) / torch.linalg.vector_norm(scale, dim=1)


def relative_h1(prediction: Tensor, truth: Tensor, grid: Grid) -> Tensor:
    """Relative H1 error √(‖e‖² + ‖∇e‖²) / √(‖u‖² + ‖∇u‖²) of each sample; u is the truth, e = prediction − u.

    Gradients are second-order differences in the units of ``grid``: central inside, wrapped on periodic
    axes and one-sided at walls.

    Raises ValueError where the fields do not lie on ``grid``.
    """
    # the gradient is linear, so the H1 norm is the L2 norm of the field stacked on its gradient
    return relative_l2(_with_gradient(prediction, grid), _with_gradient(truth, grid))


def max_error(prediction: Tensor, truth: Tensor) -> Tensor:
    """Largest |prediction − truth| of each sample, in the unit of the fields; (batch,)."""
    return _paired(prediction, truth)[0].abs().amax(dim=1)


def rmse(prediction: Tensor, truth: Tensor) -> Tensor:
    """Root mean square of prediction − truth over channels and grid, in the unit of the fields; (batch,)."""
    return _rms(_paired(prediction, truth)[0])


def nrmse(prediction: Tensor, truth: Tensor) -> Tensor:
    """Mean over channels of rms(prediction − truth) / rms(truth), each channel by itself; (batch,).

    Unlike `relative_l2`, a field of small magnitude weighs as much as one of large magnitude; the two agree
    for a single channel.
    """
    _paired(prediction, truth)
    return (_rms((prediction - truth).flatten(2)) / _rms(truth.flatten(2))).mean(dim=1)


def checked_relative_l2(prediction: Tensor, truth: Tensor, name: str = "test set") -> Tensor:
    """`relative_l2` for reporting.

    Raises
    ------
    ValueError
        Where a sample of the truth is zero everywhere (the error is undefined), or a value is NaN or inf.
    """
    for role, field in (("prediction", prediction), ("truth", truth)):
        broken = ~field.flatten(1).isfinite().all(dim=1)
        if broken.any():
            raise ValueError(
                f"{name}: the {role} of sample {_first(broken)} holds NaN or inf, so its error is undefined"
            )
    zero = (truth == 0).flatten(1).all(dim=1)
    if zero.any():
        raise ValueError(
            f"{name}: the truth of sample {_first(zero)} is zero everywhere, so its relative error is undefined; "
            "leave the sample out or report rmse"
        )
    return relative_l2(prediction, truth)


def summarise(prediction: Tensor, truth: Tensor, grid: Grid, name: str = "test set") -> dict[str, float]:
    """The means over samples of rel_l2, rel_h1, rmse and nrmse, and the largest max_error.

    Raises ValueError where an error is undefined (see `checked_relative_l2`).
    """
    return {
        "rel_l2": float(checked_relative_l2(prediction, truth, name).mean()),
        "rel_h1": float(relative_h1(prediction, truth, grid).mean()),
        "rmse": float(rmse(prediction, truth).mean()),
        "nrmse": float(nrmse(prediction, truth).mean()),
        "max_error": float(max_error(prediction, truth).max()),
    }


def _paired(prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Error and truth, each (batch, values). Shapes that merely broadcast would give a wrong number silently."""
    if prediction.shape != truth.shape:
        raise ValueError(
            f"prediction has shape {tuple(prediction.shape)} and truth {tuple(truth.shape)}; "
            "both must be (batch, channel, *grid)"
        )
    return (prediction - truth).flatten(1), truth.flatten(1)


def _with_gradient(fields: Tensor, grid: Grid) -> Tensor:
    """Fields and their derivatives along every axis, stacked as channels."""
    if tuple(fields.shape[2:]) != grid.shape:
        raise ValueError(
            f"fields of shape {tuple(fields.shape)} do not lie on a grid of shape {grid.shape}; "
            "expected (batch, channel, *grid)"
        )
    parts = [fields]
    for dim, axis in enumerate(grid, start=2):
        if axis.periodic:
            parts.append((fields.roll(-1, dim) - fields.roll(1, dim)) / (2 * axis.spacing))
        else:
            edge_order = 2 if axis.n > 2 else 1
            parts += torch.gradient(fields, spacing=axis.spacing, dim=dim, edge_order=edge_order)
    return torch.cat(parts, dim=1)


def _rms(values: Tensor) -> Tensor:
    return values.abs().square().mean(dim=-1).sqrt()


def _first(mask: Tensor) -> int:
    return int(mask.nonzero()[0])
