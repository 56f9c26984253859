"""Random sketches of the rows of a least-squares system."""

from __future__ import annotations

import torch
from torch import Tensor


class RowSketch:
    """S (k, m): each of k rows is the signed sum of about m / k residuals, dealt out at random, so that E SᵀS = I.

    Parameters
    ----------
    rows : m, residuals
    size : k
    generator : of the deal and the signs

    Source: K. L. Clarkson, D. P. Woodruff, J. ACM 63 (2017) 54 (CountSketch), with rows of equal length.
    """

    def __init__(self, rows: int, size: int, generator: torch.Generator) -> None:
        self.size = size
        self._row = torch.randperm(rows, generator=generator) % size
        self._sign = 2.0 * torch.randint(2, (rows,), generator=generator) - 1

    def part(self, start: int, stop: int) -> RowSketch:
        """The columns of S that meet residuals ``start`` to ``stop``."""
        part = object.__new__(RowSketch)
        part.size, part._row, part._sign = self.size, self._row[start:stop], self._sign[start:stop]
        return part

    def __call__(self, rows: Tensor) -> Tensor:
        """S A of A (m, ...), (k, ...)."""
        signed = rows * self._sign.to(rows).view(-1, *[1] * (rows.dim() - 1))
        return rows.new_zeros(self.size, *rows.shape[1:]).index_add_(0, self._row.to(rows.device), signed)
