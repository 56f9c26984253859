"""Mean, variance and range of data too large to hold, in one pass."""

from __future__ import annotations

import torch
from torch import Tensor


class Moments:
    """Running statistics of each channel, in float64, merged batch by batch.

    With batch size n_b, mean m_b and sum of squared deviations S_b,

        δ = m_b − m,   m ← m + δ n_b/(n+n_b),   S ← S + S_b + δ² n n_b/(n+n_b)

    (T. F. Chan, G. H. Golub, R. J. LeVeque 1983, eq. 2.1), which loses no digits where the mean is large
    against the deviation. Values that are not finite are counted, and make the statistics non-finite too.
    """

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.nonfinite = torch.zeros(channels, dtype=torch.int64)
        self.mean = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros(channels, dtype=torch.float64)
        self.minimum = torch.full((channels,), torch.inf, dtype=torch.float64)
        self.maximum = -self.minimum

    def update(self, batch: Tensor) -> None:
        """Take in a batch (B, C, *grid)."""
        values = batch.detach().to("cpu", torch.float64).transpose(0, 1).flatten(1)
        n = values.shape[1]
        if n == 0:
            return
        mean = values.mean(1)
        delta = mean - self.mean
        total = self.count + n
        self.squares += (values - mean[:, None]).square().sum(1) + delta.square() * (self.count * n / total)
        self.mean += delta * (n / total)
        self.count = total
        self.nonfinite += (~values.isfinite()).sum(1)
        self.minimum = torch.minimum(self.minimum, values.amin(1))
        self.maximum = torch.maximum(self.maximum, values.amax(1))

    @property
    def std(self) -> Tensor:
        """Population standard deviation (C,); exactly 0 for a constant channel."""
        std = (self.squares / self.count).sqrt()
        # the mean of equal numbers is rounded, so the deviations of a constant need not be exactly zero
        return torch.where(self.minimum == self.maximum, 0.0, std)

    @property
    def rms(self) -> Tensor:
        """Root mean square (C,)."""
        return (self.squares / self.count + self.mean.square()).sqrt()
