"""The Fourier modes of real fields on a periodic grid, less those that products would alias."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from pdes.grid import Grid


class FourierModes:
    """The modes |m| < n/3 of each axis (the 2/3 rule), and fields made of them.

    Attributes
    ----------
    dims : of the grid in an array (..., *grid)
    kept : which modes are kept, (*modes)
    square : |m|², (*modes)
    """

    def __init__(self, grid: Grid, device: torch.device) -> None:
        self._shape, self._device = grid.shape, device
        self.dims = tuple(range(-len(grid), 0))
        numbers = [torch.fft.fftfreq(n, 1 / n, dtype=torch.float64, device=device) for n in grid.shape]
        numbers[-1] = numbers[-1][: grid.shape[-1] // 2 + 1].abs()
        modes = torch.meshgrid(*numbers, indexing="ij")
        self.kept = torch.stack([abs(m) < n / 3 for m, n in zip(modes, grid.shape, strict=True)]).all(0)
        self.square = torch.stack([m**2 for m in modes]).sum(0)

    def of(self, values: Tensor) -> Tensor:
        """The kept modes (..., *modes) of fields (..., *grid)."""
        return torch.fft.rfftn(values, dim=self.dims) * self.kept

    def values(self, modes: Tensor) -> Tensor:
        """The fields (..., *grid) of modes (..., *modes)."""
        return torch.fft.irfftn(modes, s=self._shape, dim=self.dims)

    def impulse(self, decay: int) -> tuple[Tensor, Tensor]:
        """A field (*grid) that holds every kept mode, and its coefficients (1 + |m|²)^-decay."""
        spectrum = self.kept / (1 + self.square) ** decay
        return self.values(spectrum.to(torch.complex128)), spectrum

    def noise(self, batch: int, generator: Generator, decay: int) -> Tensor:
        """Random fields (batch, *grid) of largest value 1 with the same decay."""
        white = torch.randn(batch, *self._shape, generator=generator, dtype=torch.float64)
        field = self.values(self.of(white.to(self._device)) * self.impulse(decay)[1])
        return field / field.abs().amax()
