"""Which derivatives a residual asks for, found by running it once on a smooth function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from pdes.derivatives.activations import MAX_ORDER
from pdes.derivatives.autograd import Autograd
from pdes.derivatives.axes import parse_axes
from pdes.derivatives.jet import UnsupportedError
from pdes.derivatives.multi_index import Index, closure


@dataclass(frozen=True)
class JetPlan:
    """The derivatives a jet must hold; or None, and why jets cannot serve."""

    indices: tuple[Index, ...] | None
    reason: str = ""

    @property
    def order(self) -> int:
        """The highest derivative."""
        return max(map(len, self.indices or ((),)))


class FieldDerivatives:
    """Keeps apart derivatives of fields, which a jet holds, from derivatives of expressions, which it does not."""

    def __init__(self, coords: Sequence[str], fields: Sequence[Tensor]) -> None:
        self._coords = tuple(coords)
        # the tensors are held so that their ids stay their own
        self._known: dict[int, tuple[Tensor, int, Index]] = {id(f): (f, k, ()) for k, f in enumerate(fields)}

    def locate(self, expression: Tensor, axes: str | tuple[str, ...]) -> tuple[int, Index] | None:
        """The field and the multi-index that ``d(expression, axes)`` means; None for another expression."""
        known = self._known.get(id(expression))
        if known is None:
            return None
        _, field, index = known
        more = (self._coords.index(name) for name in parse_axes(axes, self._coords))
        return field, tuple(sorted((*index, *more)))

    def remember(self, derivative: Tensor, field: int, index: Index) -> Tensor:
        self._known[id(derivative)] = (derivative, field, index)
        return derivative


class Recorder:
    """``d`` by automatic differentiation that notes what it is asked."""

    def __init__(self, d: Autograd, coords: Sequence[str], fields: Sequence[Tensor]) -> None:
        self._d = d
        self._fields = FieldDerivatives(coords, fields)
        self.requested: set[Index] = set()
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
    components : by multi-index, the derivatives of all fields, (n, fields)
    fields : the values as the residual sees them, (n,) each
    """

    def __init__(
        self, coords: Sequence[str], components: Mapping[Index, Tensor], fields: Sequence[Tensor]
    ) -> None:
        self._components = components
        self._fields = FieldDerivatives(coords, fields)
        self._made: dict[tuple[int, Index], Tensor] = {}

    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor:
        found = self._fields.locate(expression, axes)
        if found is None or found[1] not in self._components:
            raise UnsupportedError("a derivative that the jet does not hold")
        if found not in self._made:
            field, index = found
            self._made[found] = self._fields.remember(self._components[index][:, field], field, index)
        return self._made[found]


def make_plan(requested: set[Index], of_expression: bool) -> JetPlan:
    """The plan for what was recorded."""
    if of_expression:
        return JetPlan(None, "the residual differentiates an expression, not a field")
    order = max(map(len, requested), default=0)
    if order > MAX_ORDER:
        return JetPlan(None, f"the residual has derivatives of order {order}, jets go to {MAX_ORDER}")
    return JetPlan(closure(requested))
