"""Normalisation of fields channel by channel, independent of resolution."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from .moments import Moments

Mode = Literal["standard", "scale", "none"]


class Normalizer(nn.Module):
    """An affine map of each channel, x → (x − mean) / std, and its inverse.

    =========== ============== ======= ============================================================
    mode        mean           std     what it keeps
    =========== ============== ======= ============================================================
    "standard"  mean           σ       nothing: channels become zero-mean with unit variance
    "scale"     0              RMS     zero, so that homogeneous boundary values stay exact
    "none"      0              1       everything
    =========== ============== ======= ============================================================

    A constant channel (all-zero for "scale") is given std 1. ``mean`` and ``std``, of shape (channels,), are
    buffers: they are saved with the model. A new ``Normalizer(channels, mode)`` is the identity, into which a
    saved state loads.

    Raises ValueError for an unknown mode.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, mode: Mode = "standard", *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        if mode not in get_args(Mode):
            raise ValueError(
                f"unknown normalisation mode {mode!r}; choose one of {', '.join(get_args(Mode))}"
            )
        self.mode = mode
        self.register_buffer("mean", torch.zeros(channels, dtype=dtype))
        self.register_buffer("std", torch.ones(channels, dtype=dtype))

    @classmethod
    def fit(cls, batches: Iterable[Tensor], mode: Mode = "standard") -> Normalizer:
        """Fit to all ``batches`` (B, C, *grid) in one pass, accumulating in float64.

        The buffers take the dtype of the data (the default dtype for integers and booleans).

        Raises ValueError if there are no data, if batches differ in channels, or if values are not finite.
        """
        moments: Moments | None = None
        dtype = torch.get_default_dtype()
        for batch in batches:
            if batch.ndim < 2:
                raise ValueError(f"a batch to normalise has shape (B, C, *grid), got {tuple(batch.shape)}")
            if moments is None:
                moments = Moments(batch.shape[1])
                dtype = batch.dtype if batch.is_floating_point() else dtype
            if batch.shape[1] != len(moments.mean):
                raise ValueError(
                    f"batches to normalise have {len(moments.mean)} and {batch.shape[1]} channels"
                )
            moments.update(batch)
        if moments is None or moments.count == 0:
            raise ValueError("there are no data to fit a normaliser to")
        if moments.nonfinite.any():
            raise ValueError(
                f"data to normalise hold {moments.nonfinite.tolist()} NaN or inf values by channel"
            )
        self = cls(len(moments.mean), mode, dtype=dtype)
        if mode == "standard":
            self.mean.copy_(moments.mean)
            self.std.copy_(moments.std)
        elif mode == "scale":
            self.std.copy_(moments.rms)
        self.std[self.std == 0] = 1
        if not self.std.isfinite().all():
            raise ValueError(
                f"data to normalise overflow: std by channel is {self.std.tolist()}; rescale them"
            )
        return self

    def encode(self, x: Tensor) -> Tensor:
        """(x − mean) / std of fields (B, C, *grid)."""
        return (x - self._spread(self.mean, x)) / self._spread(self.std, x)

    def decode(self, y: Tensor) -> Tensor:
        """y std + mean, the inverse of `encode`."""
        return y * self._spread(self.std, y) + self._spread(self.mean, y)

    def forward(self, x: Tensor) -> Tensor:
        return self.encode(x)

    def extra_repr(self) -> str:
        return f"{len(self.mean)}, mode={self.mode!r}"

    def _spread(self, values: Tensor, like: Tensor) -> Tensor:
        if like.ndim < 2 or like.shape[1] != len(values):
            raise ValueError(
                f"the normaliser has {len(values)} channel(s) and takes (B, {len(values)}, *grid), "
                f"not {tuple(like.shape)}"
            )
        dtype = like.dtype if like.is_floating_point() else values.dtype
        return values.to(dtype).reshape(-1, *[1] * (like.ndim - 2))
