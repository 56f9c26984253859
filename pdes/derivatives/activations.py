"""Activations and their derivatives, for jets."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Derivatives = Callable[[Tensor, int], list[Tensor]]
"""z and an order k up to `MAX_ORDER` + 1 to [σ(z), σ'(z), ..., σ^(k)(z)]; the last one serves the backward pass."""
MAX_ORDER = 4


def tanh(z: Tensor, order: int) -> list[Tensor]:
    """With a = tanh z all derivatives are a' times polynomials of a², or of a² times a."""
    a = torch.tanh(z)
    square = a * a
    first = 1 - square
    found = [a, first]
    if order >= 2:
        found.append(-2 * a * first)
    if order >= 3:
        found.append(first * (6 * square - 2))
    if order >= 4:
        found.append(8 * a * first * (2 - 3 * square))
    if order >= 5:
        found.append(first * (16 - 120 * square * first))
    return found[: order + 1]


def sigmoid(z: Tensor, order: int) -> list[Tensor]:
    """With s = sigmoid z and p = s' = s (1 - s) all derivatives are polynomials of p, or of p times 1 - 2s."""
    s = torch.sigmoid(z)
    p, q = s * (1 - s), 1 - 2 * s
    found = [s, p]
    if order >= 2:
        found.append(p * q)
    if order >= 3:
        found.append(p * (1 - 6 * p))
    if order >= 4:
        found.append(p * q * (1 - 12 * p))
    if order >= 5:
        found.append(p * (1 - 30 * p + 120 * p * p))
    return found[: order + 1]


def normal_distribution(z: Tensor, order: int) -> list[Tensor]:
    """Φ(z), whose derivatives are Hermite polynomials times the density."""
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    polynomials: list[Callable[[], Tensor]] = [
        lambda: density,
        lambda: -z * density,
        lambda: (z * z - 1) * density,
        lambda: (3 * z - z**3) * density,
        lambda: (z**4 - 6 * z * z + 3) * density,
    ]
    return [0.5 * (1 + torch.erf(z / math.sqrt(2))), *(polynomial() for polynomial in polynomials[:order])]


def sin(z: Tensor, order: int) -> list[Tensor]:
    s, c = torch.sin(z), torch.cos(z)
    cycle = [s, c, -s, -c]
    return [cycle[k % 4] for k in range(order + 1)]


def cos(z: Tensor, order: int) -> list[Tensor]:
    return sin(z, order + 1)[1:]


def exp(z: Tensor, order: int) -> list[Tensor]:
    return [torch.exp(z)] * (order + 1)
