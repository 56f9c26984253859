"""Activations and their derivatives, for jets.

An activation is a few tensors from which all its derivatives follow by additions and multiplications. So the
transcendental functions are evaluated once, and the formulas serve tensors and the source of kernels alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from pdes.derivatives.symbol import Symbol

MAX_ORDER = 4
"""The highest derivative that jets carry; the backward pass takes one more of an activation."""


@dataclass(frozen=True, eq=False)
class Activation:
    """σ and its derivatives.

    Attributes
    ----------
    bases : z and an order k to the tensors, of the shape of z, that σ, ..., σ^(k) are made of
    formulas : these, or symbols for them, and k to [σ, σ', ..., σ^(k)], by + and * alone
    symbols : the symbol z to those of the bases, whatever the order, where exponentials make them
    """

    name: str
    bases: Callable[[Tensor, int], Sequence[Tensor]]
    formulas: Callable[[Sequence[Any], int], list[Any]]
    symbols: Callable[[Symbol], list[Symbol]] | None = None


def _tanh(bases: Sequence[Any], order: int) -> list[Any]:
    """With a = tanh z and p = a' = 1 - a² all derivatives are p times polynomials of p, or of p times a."""
    (s,) = bases
    a = 2 * s - 1
    p = 4 * s * (1 - s)
    found = [a, p, -2 * a * p, p * (4 - 6 * p), 8 * a * p * (3 * p - 1), p * (16 - 120 * p * (1 - p))]
    return found[: order + 1]


def _sigmoid(bases: Sequence[Any], order: int) -> list[Any]:
    """With s = sigmoid z and p = s' = s (1 - s) all derivatives are polynomials of p, or of p times 1 - 2s."""
    (s,) = bases
    p, q = s * (1 - s), 1 - 2 * s
    found = [s, p, p * q, p * (1 - 6 * p), p * q * (1 - 12 * p), p * (1 - 30 * p * (1 - 4 * p))]
    return found[: order + 1]


def _normal_distribution(bases: Sequence[Any], order: int) -> list[Any]:
    """Φ, whose derivatives are Hermite polynomials times the density."""
    z, value, density = bases
    y = z * z
    found = [
        value,
        density,
        -1 * z * density,
        (y - 1) * density,
        (3 - y) * z * density,
        (y * (y - 6) + 3) * density,
    ]
    return found[: order + 1]


def _sin(bases: Sequence[Any], order: int) -> list[Any]:
    s, c = bases
    return [(s, c, -1 * s, -1 * c)[k % 4] for k in range(order + 1)]


# torch computes sigmoid several times faster than tanh z = 2 sigmoid(2z) - 1
tanh = Activation("tanh", lambda z, _: ((2 * z).sigmoid_(),), _tanh, lambda z: [1 / (1 + (-2 * z).exp())])
sigmoid = Activation(
    "sigmoid", lambda z, _: (torch.sigmoid(z),), _sigmoid, lambda z: [1 / (1 + (-1 * z).exp())]
)
sin = Activation("sin", lambda z, _: (torch.sin(z), torch.cos(z)), _sin)
cos = Activation("cos", sin.bases, lambda bases, order: _sin(bases, order + 1)[1:])
exp = Activation("exp", lambda z, _: (torch.exp(z),), lambda bases, order: [bases[0]] * (order + 1))
normal_distribution = Activation(
    "normal_distribution",
    lambda z, _: (z, torch.special.ndtr(z), torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)),
    _normal_distribution,
)


@cache
def power(exponent: float) -> Activation:
    """z^exponent."""

    def bases(z: Tensor, order: int) -> list[Tensor]:
        found, factor = [], 1.0
        for k in range(order + 1):
            # past the degree of a polynomial all is zero, where z^(negative) need not be finite
            found.append(factor * z ** (exponent - k) if factor else torch.zeros_like(z))
            factor *= exponent - k
        return found

    return Activation("power", bases, lambda bases, _: list(bases))


reciprocal = power(-1)
log = Activation(
    "log",
    lambda z, order: [torch.log(z), *reciprocal.bases(z, order - 1)] if order else [torch.log(z)],
    lambda bases, _: list(bases),
)
