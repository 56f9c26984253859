"""Noise of measurements."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def with_noise(x: Tensor, level: float, generator: Generator) -> Tensor:
    """Fields x (B, C, *grid) as they are measured: x + ε rms(x) ξ, with ξ ~ N(0, 1) at every point.

    The root mean square is that of each sample and channel, so that the relative L2 norm of the noise is ``level`` ε.
    The numbers are drawn on the generator's device in float64, the same for every dtype and device of x.
    """
    rms = x.square().mean(tuple(range(2, x.dim())), keepdim=True).sqrt()
    drawn = torch.randn(x.shape, generator=generator, dtype=torch.float64, device=generator.device)
    return x + level * rms * drawn.to(x)
