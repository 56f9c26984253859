"""What every way of taking derivatives offers to a residual."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor


class Derivative(ABC):
    """How a derivative is taken: ``d(expression, "xx")`` is the second derivative by x."""

    @abstractmethod
    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor:
        """The derivative by ``axes``: one-letter names side by side ("xxt"), one name ("x1"), or a tuple of names."""

    def laplacian(self, expression: Tensor, coords: Sequence[str]) -> Tensor:
        """Δ = Σ ∂² over ``coords``, in one where that is cheaper than one by one."""
        first, *others = (self(expression, (name, name)) for name in coords)
        for other in others:
            first = first + other
        return first
