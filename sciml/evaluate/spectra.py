"""The error by wavenumber: what a model resolves, and what lies beyond its training grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft
from torch import Tensor

from pdes.grid import Axis, Grid


class Spectrum(NamedTuple):
    """Isotropic energy spectra, each an array (bins,) and a fraction of the truth's total energy.

    ``wavenumbers`` count waves on the longest side of the domain. ``truth`` sums to 1 and ``error`` to the
    squared relative L2 error; all are means over samples.
    """

    wavenumbers: np.ndarray
    truth: np.ndarray
    error: np.ndarray
    prediction: np.ndarray


def error_spectrum(prediction: Tensor, truth: Tensor, grid: Grid) -> Spectrum:
    """Energy of the error, of the truth and of the prediction in shells k − ½ ≤ |k| < k + ½.

    Periodic axes take the Fourier transform, axes with walls the cosine transform, which does not mistake
    the jump between two opposite walls for small scales.

    Parameters
    ----------
    prediction, truth
        Tensors (batch, channel, *grid) of one shape.

    Raises
    ------
    ValueError
        For fields that do not lie on ``grid`` or a truth that is zero everywhere.
    """
    if prediction.shape != truth.shape or tuple(truth.shape[2:]) != grid.shape:
        raise ValueError(
            f"prediction {tuple(prediction.shape)} and truth {tuple(truth.shape)} must both be "
            f"(batch, channel, *grid) on a grid of shape {grid.shape}"
        )
    shell = np.floor(_wavenumber(grid) + 0.5).astype(np.int64)
    reference = _energy(truth, grid)
    total = reference.reshape(len(reference), -1).sum(axis=1)
    if not total.all():
        raise ValueError(
            f"the truth of sample {int(np.argmin(total))} is zero everywhere, so its relative spectrum is undefined"
        )

    def mean_over_shells(energy: np.ndarray) -> np.ndarray:
        fraction = (energy.reshape(len(total), -1) / total[:, None]).mean(axis=0)
        return np.bincount(shell.reshape(-1), weights=fraction)

    error, predicted = (_energy(fields, grid) for fields in (prediction - truth, prediction))
    return Spectrum(np.arange(shell.max() + 1), *map(mean_over_shells, (reference, error, predicted)))


def nyquist(grid: Grid) -> float:
    """Highest wavenumber that every axis of ``grid`` resolves, in waves on the longest side: L_max / (2 max h)."""
    return _longest(grid) / (2 * max(axis.spacing for axis in grid))


def energy_beyond(fields: Tensor, grid: Grid, coarse: Grid, *, of: Tensor | None = None) -> float:
    """Energy of fields at wavenumbers beyond the Nyquist wavenumber of ``coarse`` on some axis, as a share of all energy.

    Subsampling onto ``coarse`` mistakes these waves for longer ones, and spectral truncation takes them away. The transforms are
    those of `error_spectrum`.

    Parameters
    ----------
    fields
        Tensor (batch, channel, *grid).
    coarse
        A grid with the axes of ``grid`` and fewer points.
    of
        The fields whose energy is all energy: by default ``fields`` themselves, for predictions and errors the truth.
    """
    energy = _energy(fields, grid).sum(axis=0)
    within = np.ones(grid.shape, dtype=bool)
    for dim, (axis, target) in enumerate(zip(grid, coarse, strict=True)):
        # less the rounding of k at the Nyquist wavenumber itself, which is beyond: its phase is lost
        held = np.abs(_waves(axis)) < 0.5 / target.spacing * (1 - 1e-9)
        within &= np.expand_dims(held, [d for d in range(len(grid)) if d != dim])
    total = energy if of is None else _energy(of, grid)
    return float(energy[~within].sum() / total.sum())


def _longest(grid: Grid) -> float:
    return max(axis.length for axis in grid)


def _waves(axis: Axis) -> np.ndarray:
    """Wavenumber, in waves per unit of length, of each coefficient along an axis."""
    if axis.periodic:
        return scipy.fft.fftfreq(axis.n, axis.spacing)
    # the index of a cosine transform counts half waves
    return np.arange(axis.n) / (2 * axis.n * axis.spacing)


def _wavenumber(grid: Grid) -> np.ndarray:
    squared = np.zeros(grid.shape)
    for dim, axis in enumerate(grid):
        squared += np.expand_dims(_waves(axis) ** 2, [d for d in range(len(grid)) if d != dim])
    return _longest(grid) * np.sqrt(squared)


def _energy(fields: Tensor, grid: Grid) -> np.ndarray:
    """Squared orthonormal coefficients summed over channels, (batch, *grid)."""
    values = fields.detach().double().cpu().numpy()
    # cosine transforms come first: they take real input
    for dim, axis in enumerate(grid, start=2):
        if not axis.periodic:
            values = scipy.fft.dct(values, axis=dim, norm="ortho")
    periodic = [dim for dim, axis in enumerate(grid, start=2) if axis.periodic]
    values = scipy.fft.fftn(values, axes=periodic, norm="ortho") if periodic else values
    return (np.abs(values) ** 2).sum(axis=1)
