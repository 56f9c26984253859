"""Which derivatives a residual asks for, found by running it once on a smooth function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from torch import Tensor

from pdes.derivatives.activations import MAX_ORDER
from pdes.derivatives.autograd import Autograd
from pdes.derivatives.axes import parse_axes
from pdes.derivatives.jet import UnsupportedError
from pdes.derivatives.multi_index import Combination, Index, MultiIndex, closure


@dataclass(frozen=True)
class JetPlan:
    """The derivatives a jet must hold; or None, and why jets cannot serve.

    Attributes
    ----------
    stand_ins : by derivative, what the residual is given for it where it is not that derivative: a combination, or
        zero (None); see `pdes.collapse`
    anywhere : whether this holds wherever the points are
    """

    indices: tuple[Index, ...] | None
    reason: str = ""
    stand_ins: Mapping[MultiIndex, Combination | None] = field(default_factory=dict)
    anywhere: bool = True

    def names(self, index: Index) -> list[MultiIndex]:
        """The derivatives for which a residual is given that at ``index``."""
        if isinstance(index, Combination):
            return [name for name, stand_in in self.stand_ins.items() if stand_in == index]
        return [] if index in self.stand_ins else [index]


@cache
def _numbers(axes: str | tuple[str, ...], coords: tuple[str, ...]) -> MultiIndex:
    return tuple(coords.index(name) for name in parse_axes(axes, coords))


class FieldDerivatives:
    """Keeps apart derivatives of fields, which a jet holds, from derivatives of expressions, which it does not."""

    def __init__(self, coords: Sequence[str], fields: Sequence[Tensor]) -> None:
        self._coords = tuple(coords)
        # the tensors are held so that their ids stay their own
        self._known: dict[int, tuple[Tensor, int, MultiIndex]] = {
            id(f): (f, k, ()) for k, f in enumerate(fields)
        }

    def locate(self, expression: Tensor, axes: str | tuple[str, ...]) -> tuple[int, MultiIndex] | None:
        """The field and the multi-index that ``d(expression, axes)`` means; None for another expression."""
        known = self._known.get(id(expression))
        if known is None:
            return None
        _, field, index = known
        return field, tuple(sorted((*index, *_numbers(axes, self._coords))))

    def remember(self, derivative: Tensor, field: int, index: MultiIndex) -> Tensor:
        self._known[id(derivative)] = (derivative, field, index)
        return derivative


class Recorder:
    """``d`` by automatic differentiation that notes what it is asked."""

    def __init__(self, d: Autograd, coords: Sequence[str], fields: Sequence[Tensor]) -> None:
        self._d = d
        self._fields = FieldDerivatives(coords, fields)
        self.requested: set[MultiIndex] = set()
        self.of_expression = False

    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor:
        derivative = self._d(expression, axes)
        found = self._fields.locate(expression, axes)
        if found is None:
            self.of_expression = True
            return derivative
        self.requested.add(found[1])
        return self._fields.remember(derivative, *found)


class JetDerivatives:
    """``d`` that looks derivatives of fields up in a jet.

    Parameters
    ----------
    coords : names of the coordinates
    components : the derivatives by field and multi-index, (n,) each; those by () are the fields as the residual sees them
    """

    def __init__(self, coords: Sequence[str], components: Mapping[tuple[int, MultiIndex], Tensor]) -> None:
        self._components = components
        fields = [value for (_, index), value in components.items() if index == ()]
        self._fields = FieldDerivatives(coords, fields)

    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor:
        found = self._fields.locate(expression, axes)
        if found is None or found not in self._components:
            raise UnsupportedError("a derivative that the jet does not hold")
        return self._fields.remember(self._components[found], *found)


def make_plan(requested: set[MultiIndex], of_expression: bool) -> JetPlan:
    """The plan for what was recorded."""
    if of_expression:
        return JetPlan(None, "the residual differentiates an expression, not a field")
    highest = max(map(len, requested), default=0)
    if highest > MAX_ORDER:
        return JetPlan(None, f"the residual has derivatives of order {highest}, jets go to {MAX_ORDER}")
    return JetPlan(closure(requested))
