"""Derivatives by reverse-mode automatic differentiation: any network, any order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pdes.derivatives.axes import parse_axes


class Autograd:
    """``d`` for expressions computed from ``points``.

    One backward pass gives the derivatives by all coordinates at once, and each is kept, so that
    d(u, "x"), d(u, "t") and d(u, "xx") cost two passes and not four.

    Parameters
    ----------
    coords : names of the columns of ``points``
    points : (n, d) leaf tensor with ``requires_grad``; expressions are (n,)
    """

    def __init__(self, coords: Sequence[str], points: Tensor) -> None:
        if not points.requires_grad:
            raise ValueError("autograd derivatives need points with requires_grad=True")
        if points.dim() != 2 or points.shape[1] != len(coords):
            raise ValueError(
                f"points must be (n, {len(coords)}) for {', '.join(coords)}, not {tuple(points.shape)}"
            )
        self._coords = tuple(coords)
        self._points = points
        # id -> (expression, its gradient); the expression is held so that its id stays its own
        self._gradients: dict[int, tuple[Tensor, tuple[Tensor, ...]]] = {}

    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor:
        for name in parse_axes(axes, self._coords):
            expression = self._gradient(expression)[self._coords.index(name)]
        return expression

    def _gradient(self, expression: Tensor) -> tuple[Tensor, ...]:
        known = self._gradients.get(id(expression))
        if known is None:
            if expression.requires_grad:
                # each value depends on its own point only, so the gradient of the sum holds every row's gradient
                (gradient,) = torch.autograd.grad(
                    expression.sum(),
                    self._points,
                    create_graph=True,
                    allow_unused=True,
                    materialize_grads=True,
                )
            else:
                gradient = torch.zeros_like(self._points)
            known = (expression, gradient.unbind(1))
            self._gradients[id(expression)] = known
        return known[1]
