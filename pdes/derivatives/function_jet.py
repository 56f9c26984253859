"""The jet of a known function: its derivatives at points, in Taylor mode where jets go through it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from pdes.derivatives.jet import Jet, UnsupportedError
from pdes.derivatives.layout import Layout
from pdes.derivatives.multi_index import Combination, Index

_CHUNK = 1024
_LOG = logging.getLogger(__name__)


def function_jet(function: Callable[[Tensor], Tensor], points: Tensor, layout: Layout) -> Jet:
    """Value and derivatives of ``function``, points (n, d) to (n, k), without a graph.

    The function is given the jet of the coordinates. Where it does what jets do not know, automatic
    differentiation serves, and the log says so once.
    """
    try:
        with torch.no_grad():
            jet: object = function(Jet.of_coordinates(points.detach(), layout.indices, layout.counts))  # type: ignore[arg-type]
    # what only tensors have is missing in a jet
    except (UnsupportedError, AttributeError, TypeError) as error:
        _say(getattr(function, "__qualname__", repr(function)), str(error))
        return _nested(function, points, layout)
    # a constant is no jet
    return (
        jet.with_rows(jet.rows.to(points.dtype))
        if isinstance(jet, Jet)
        else _nested(function, points, layout)
    )


@cache
def _say(name: str, reason: str) -> None:
    """Once for a function: it is asked for its jet at each new set of points."""
    _LOG.info("%s: derivatives by automatic differentiation: %s", name, reason)


def _nested(function: Callable[[Tensor], Tensor], points: Tensor, layout: Layout) -> Jet:
    """By nested automatic differentiation, in chunks of points, since its graphs are many times as large as what they give."""
    rows: list[list[Tensor]] = [[] for _ in layout.indices]
    for start in range(0, len(points), _CHUNK):
        # a derivative is held at the first points only
        held = [k for k, count in enumerate(layout.counts) if count > start]
        found = _derivatives(function, points[start : start + _CHUNK], [layout.indices[k] for k in held])
        for k, values in zip(held, found, strict=True):
            rows[k].append(values[: layout.counts[k] - start])
    return Jet(layout, torch.cat([part for parts in rows for part in parts]))


def _derivatives(
    function: Callable[[Tensor], Tensor], points: Tensor, indices: Sequence[Index]
) -> list[Tensor]:
    """The derivatives one by one, (n, k) each."""
    with torch.enable_grad():
        z = points.detach().clone().requires_grad_()
        fields = [_Derivatives(value, z) for value in function(z).to(z.dtype).unbind(1)]
        return [torch.stack([d(index).detach() for d in fields], 1) for index in indices]


class _Derivatives:
    """The derivatives of one expression (n,) by multi-index, each taken once."""

    def __init__(self, value: Tensor, points: Tensor) -> None:
        self._points = points
        self._value = value
        self._gradients: dict[Index, Tensor] = {}

    def __call__(self, index: Index) -> Tensor:
        if isinstance(index, Combination):
            return torch.stack([c * self(part) for c, part in index.terms]).sum(0)
        if not index:
            return self._value
        *below, last = index
        return self._gradient(tuple(below))[:, last]

    def _gradient(self, index: Index) -> Tensor:
        if index not in self._gradients:
            self._gradients[index] = _gradient(self(index), self._points)
        return self._gradients[index]


def _gradient(value: Tensor, points: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(points)
    (gradient,) = torch.autograd.grad(
        value.sum(), points, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return gradient
