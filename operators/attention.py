"""Attention with and without softmax, of tokens (..., tokens, features)."""

from __future__ import annotations

from torch import Tensor


def softmax_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(Q Kᵀ / √d) V, d features.

    As fast as torch's fused function where one of the two sides is a few dozen tokens, measured on a CPU; and unlike that, it
    has second and forward derivatives there.
    """
    return ((q / q.shape[-1] ** 0.5) @ k.mT).softmax(-1) @ v


def linear_attention(q: Tensor, k: Tensor, v: Tensor, weights: Tensor) -> Tensor:
    """Q Kᵀ W V, which is yᵢ = Σⱼ wⱼ (qᵢ·kⱼ) vⱼ, computed as Q (Kᵀ W V) at a cost linear in the number of tokens.

    The weights (tokens,) are those of an integral over the domain, where tokens are points of it.
    """
    return q @ (k.mT @ (weights[:, None] * v))
