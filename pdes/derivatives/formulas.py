"""The rules of calculus for jets at one point: what tensors, or the symbols of a kernel, are combined to.

``active`` are the places of the derivatives that the points in question hold. Operands come by place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pdes.derivatives.layout import Layout

Operands = Mapping[int, Any]


def compose(layout: Layout, active: Sequence[int], sigma: Sequence[Any], z: Operands) -> dict[int, Any]:
    """σ(z) by Faà di Bruno's formula; ``sigma`` are σ and its derivatives at the value."""
    out = {0: sigma[0]}
    for place in active[1:]:
        terms = [
            _product([sigma[len(term.blocks)], *(z[k] for k in term.blocks)], term.factor)
            for term in layout.composition[place]
        ]
        out[place] = _sum(terms)
    return out


def compose_backward(
    layout: Layout, active: Sequence[int], sigma: Sequence[Any], z: Operands, g: Operands
) -> dict[int, Any]:
    """Gradients by z from those by σ(z)."""
    parts: dict[int, list[Any]] = {place: [] for place in active}
    through: dict[int, list[Any]] = {1: [g[0]]}
    for place in active[1:]:
        for factor, blocks in layout.composition[place]:
            # the value acts through the derivative of σ
            through.setdefault(len(blocks) + 1, []).append(
                _product([g[place], *(z[k] for k in blocks)], factor)
            )
            for position, block in enumerate(blocks):
                others = blocks[:position] + blocks[position + 1 :]
                parts[block].append(_product([g[place], sigma[len(blocks)], *(z[k] for k in others)], factor))
    parts[0] = [sigma[k] * _sum(terms) for k, terms in through.items()]
    return {place: _sum(terms) for place, terms in parts.items()}


def multiply(layout: Layout, active: Sequence[int], a: Operands, b: Operands) -> dict[int, Any]:
    """a b by Leibniz's rule."""
    return {
        place: _sum([_product([a[i], b[j]], factor) for factor, i, j in layout.product[place]])
        for place in active
    }


def multiply_backward(layout: Layout, active: Sequence[int], b: Operands, g: Operands) -> dict[int, Any]:
    """Gradients by a from those by a b; as the rule is symmetric, also those by b with a in its place."""
    parts: dict[int, list[Any]] = {place: [] for place in active}
    for place in active:
        for factor, i, j in layout.product[place]:
            parts[i].append(_product([g[place], b[j]], factor))
    return {place: _sum(terms) for place, terms in parts.items()}


def _product(factors: Sequence[Any], number: float) -> Any:
    product, *rest = factors
    for factor in rest:
        product = product * factor
    return product if number == 1 else number * product


def _sum(terms: Sequence[Any]) -> Any:
    total, *rest = terms
    for term in rest:
        total = total + term
    return total
