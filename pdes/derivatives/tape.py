"""What a jet notes on its way through a network: all that the Jacobian by its parameters needs."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class LinearRecord(NamedTuple):
    """A linear layer as a jet went through it: what the Jacobian by its weights needs."""

    weight: Tensor
    bias: Tensor | None
    input: Tensor
    output: Tensor


class ProductRecord(NamedTuple):
    """The elementwise product of a jet and a trained factor."""

    factor: Tensor
    input: Tensor
    output: Tensor


class SumRecord(NamedTuple):
    """A trained term added to the values of a jet; ``output`` are the values, (1, ...)."""

    term: Tensor
    output: Tensor


Record = LinearRecord | ProductRecord | SumRecord
"""Where a tensor that is trained, or computed from such, enters a jet; derivatives first, (derivatives, n, ...)."""
