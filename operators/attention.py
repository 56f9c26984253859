"""Attention with and without softmax, of tokens (..., tokens, features), and the layer that is built around it."""

from __future__ import annotations

from torch import Tensor, nn


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


class TransformerLayer(nn.Module):
    """x + attention(LN(x)), then x + feed_forward(LN(x)), for tokens (batch, tokens, width).

    With features of a fixed size, layers add to x. Attention without softmax would otherwise multiply it, layer upon layer, and one
    bad step of training could raise it by ten orders of magnitude, from which there is no way back.

    Parameters
    ----------
    dropout
        Share of what is added that is dropped in training.
    """

    def __init__(
        self, width: int, attention: nn.Module, feed_forward: nn.Module, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention, self.feed_forward = attention, feed_forward
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, *where: Tensor) -> Tensor:
        """``where`` are the further arguments of the attention, such as the tokens' places."""
        first, second = self.norms
        x = x + self.dropout(self.attention(first(x), *where))
        return x + self.dropout(self.feed_forward(second(x)))
