"""How far predictions are from satisfying the equation of their data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pdes.derivatives.stencil import ACCURACIES
from pdes.grid import Grid
from pdes.residual import grid_residual
from pdes.sobolev import SobolevTransform
from sciml.evaluate.physics import Physics
from sciml.evaluate.superresolution import TestSet, resolution_of

NORMS = {"L2": 0.0, "H-1": -1.0}
"""Of a residual, by the order of the Sobolev space. Where a coefficient jumps only that of negative order stays bounded."""


def residual_norms(physics: Physics, test: TestSet, prediction: Tensor) -> list[dict[str, Any]]:
    """The norms of the residual of predictions and, on the same grid and by the same derivatives, of the reference.

    A reference does not satisfy the discrete equation either: its residual says what the grid can tell. Derivatives are
    spectral on periodic axes, and by stencils of order 4, or 2 on short axes, on others and in time.

    Parameters
    ----------
    prediction : (sample, channel, *grid) like the targets of ``test``

    Returns
    -------
    For each residual of the equation and each norm ``residual``, ``norm``, ``prediction`` and ``reference`` (root mean square
    over samples, per unit of volume, in the unit of the residual), with ``name`` and ``resolution`` of the test set.

    Raises ValueError where the frames do not give a time derivative.
    """
    both = {}
    for role, outputs in (("prediction", prediction), ("reference", test.targets)):
        grid, fields, known = physics.state(test.inputs.double(), outputs.double())
        accuracy = max(a for a in ACCURACIES if a == 2 or min(grid.shape) >= 8)
        both[role] = grid, grid_residual(physics.pde, grid, fields, known, accuracy=accuracy)
    (grid, predicted), (_, reference) = both["prediction"], both["reference"]
    return [
        {
            "name": test.name,
            "resolution": resolution_of(test.grid),
            "refinement": test.refinement,
            "residual": equation,
            "norm": norm,
            "prediction": _rms(predicted[equation], grid, order),
            "reference": _rms(reference[equation], grid, order),
        }
        for equation in predicted
        for norm, order in NORMS.items()
    ]


def _rms(residual: Tensor, grid: Grid, order: float) -> float:
    weighted = SobolevTransform(grid, order)(residual) if order else residual
    return float(torch.linalg.vector_norm(weighted)) / residual.numel() ** 0.5
