"""Jets: a tensor together with its derivatives by the coordinates, carried through a network in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pdes.derivatives import activations
from pdes.derivatives.activations import Activation
from pdes.derivatives.jet_functions import Chain, Product, Step
from pdes.derivatives.layout import Layout
from pdes.derivatives.multi_index import Combination, Index
from pdes.derivatives.tape import LinearRecord, ProductRecord, Record, SumRecord


class UnsupportedError(Exception):
    """An operation that jets do not know."""


class Deferred(NamedTuple):
    """A `Chain` that waits for what follows."""

    input: Tensor
    steps: tuple[Step, ...] = ()
    parameters: tuple[Tensor | None, ...] = ()


class Jet:
    """Values and derivatives of a tensor of points, (n, ...), as ``rows`` that a `Layout` describes.

    Torch functions take jets in place of tensors (`__torch_function__`), so a network needs no change: linear
    maps act on all derivatives at once, products follow Leibniz's rule and activations Faà di Bruno's.

    A ``tape`` notes every place where a tensor that requires gradients enters the jet; all derivatives are then held at
    all points.

    Raises UnsupportedError, from the function that is not known.
    """

    def __init__(self, layout: Layout, rows: Tensor | Deferred, tape: list[Record] | None = None) -> None:
        self.layout, self._rows, self.tape = layout, rows, tape
        self._used = False

    @property
    def rows(self) -> Tensor:
        rows = self._rows
        if isinstance(rows, Deferred):
            self._rows = rows = Chain.apply(rows.input, self.layout, rows.steps, *rows.parameters)
        return rows

    def then(self, step: Step, *parameters: Tensor | None) -> Jet:
        """This jet after an activation or a linear map, which is left undone until something asks for rows."""
        before = self._rows
        # a jet that is used again is made once for all
        if self._used or not isinstance(before, Deferred):
            before = Deferred(self.rows)
        self._used = True
        return self.with_rows(
            Deferred(before.input, (*before.steps, step), (*before.parameters, *parameters))
        )

    @classmethod
    def stacked(cls, indices: Sequence[Index], data: Tensor) -> Jet:
        """From the derivatives ``data[k]`` by ``indices[k]``, (n, ...) each; ``indices[0]`` is ()."""
        return cls(Layout(tuple(indices), (data.shape[1],) * len(data)), data.flatten(0, 1))

    @classmethod
    def of_coordinates(
        cls,
        points: Tensor,
        indices: Sequence[Index],
        counts: Sequence[int] | None = None,
        tape: list[Record] | None = None,
    ) -> Jet:
        """The coordinates themselves: points (n, d), first derivatives 1 or 0, higher ones 0.

        Derivative k is held at the first ``counts[k]`` points, at all by default.
        """
        layout = Layout(tuple(indices), tuple(counts or [len(points)] * len(indices)))
        rows = points.new_zeros(sum(layout.counts), points.shape[1])
        value, *others = layout.split(rows)
        value.copy_(points)
        for index, part in zip(layout.indices[1:], others, strict=True):
            for c, one in index.terms if isinstance(index, Combination) else [(1.0, index)]:
                if len(one) == 1:
                    part[:, one[0]] = c
        return cls(layout, rows, tape)

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        rule = _RULES.get(function)
        if rule is None:
            raise UnsupportedError(getattr(function, "__name__", str(function)))
        return rule(*args, **(kwargs or {}))

    @property
    def shape(self) -> torch.Size:
        return torch.Size((self.layout.counts[0], *self.rows.shape[1:]))

    @property
    def data(self) -> Tensor:
        """The derivatives stacked, (derivatives, n, ...), where all are held at all points."""
        if not self.layout.uniform:
            raise UnsupportedError("stacking derivatives that are held at different points")
        return self.rows.unflatten(0, (len(self.layout.indices), self.layout.counts[0]))

    def unbind(self, dim: int = 0) -> tuple[Jet, ...]:
        if dim % self.rows.dim() == 0:
            raise UnsupportedError("unbind of points")
        return tuple(self.with_rows(column) for column in self.rows.unbind(dim))

    def sum(self, dim: int) -> Jet:
        if dim % self.rows.dim() == 0:
            raise UnsupportedError("sum of points")
        return self.with_rows(self.rows.sum(dim))

    def with_rows(self, rows: Tensor | Deferred) -> Jet:
        return Jet(self.layout, rows, self.tape)

    def __getitem__(self, key: Any) -> Jet:
        points, *rest = key if isinstance(key, tuple) else (key,)
        if points is not Ellipsis and points != slice(None):
            raise UnsupportedError("taking some of the points")
        return self.with_rows(self.rows[(points, *rest)])

    def __add__(self, other: Any) -> Jet:
        return _add(self, other)

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return self.with_rows(-self.rows)

    def __sub__(self, other: Any) -> Jet:
        return _add(self, -other)

    def __rsub__(self, other: Any) -> Jet:
        return _add(-self, other)

    def __mul__(self, other: Any) -> Jet:
        return _multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return _multiply(self, other.then(activations.reciprocal))
        return _multiply(self, 1 / other)

    def __rtruediv__(self, other: Any) -> Jet:
        return _multiply(other, self.then(activations.reciprocal))

    def __pow__(self, exponent: Any) -> Jet:
        if exponent == 2:
            return _multiply(self, self)
        if not isinstance(exponent, int | float):
            raise UnsupportedError("a power whose exponent is no number")
        return self.then(activations.power(exponent))

    def tape_for(self, *trained: Any) -> list[Record] | None:
        """The tape, if it must hear of these since one of them requires gradients."""
        return self.tape if any(isinstance(t, Tensor) and t.requires_grad for t in trained) else None


def _same_layout(a: Jet, b: Jet) -> None:
    if a.layout != b.layout:
        raise UnsupportedError("combining jets that hold different derivatives")


def _add(a: Any, b: Any) -> Jet:
    if isinstance(a, Jet) and isinstance(b, Jet):
        _same_layout(a, b)
        return a.with_rows(a.rows + b.rows)
    jet, constant = (a, b) if isinstance(a, Jet) else (b, a)
    n = jet.layout.counts[0]
    value = jet.rows[:n] + constant
    tape = jet.tape_for(constant)
    if tape is not None:
        value = value[None]
        tape.append(SumRecord(constant, value))
        value = value[0]
    rest = jet.rows[n:]
    return jet.with_rows(torch.cat([value, rest.expand(-1, *value.shape[1:])]))


def _multiply(a: Any, b: Any) -> Jet:
    if isinstance(a, Jet) and isinstance(b, Jet):
        _same_layout(a, b)
        left, right = a.rows, b.rows
        if left.shape != right.shape:
            left, right = torch.broadcast_tensors(left, right)
        return a.with_rows(Product.apply(left, right, a.layout))
    jet, factor = (a, b) if isinstance(a, Jet) else (b, a)
    at_points = isinstance(factor, Tensor) and factor.dim() == jet.rows.dim() and len(factor) > 1
    tape = jet.tape_for(factor)
    if not at_points and tape is None:
        return jet.with_rows(jet.rows * factor)
    out = jet.data * factor
    if tape is not None:
        tape.append(ProductRecord(factor, jet.data, out))
    return jet.with_rows(out.flatten(0, 1))


def _linear(x: Jet, weight: Tensor, bias: Tensor | None = None) -> Jet:
    tape = x.tape_for(weight, bias)
    if tape is None:
        return x.then(None, weight, bias)
    output = x.then(None, weight, bias).data
    tape.append(LinearRecord(weight, bias, x.data, output))
    return x.with_rows(output.flatten(0, 1))


def _compose(activation: Activation) -> Callable[[Jet], Jet]:
    """The rule of an activation."""
    return lambda jet: jet.then(activation)


def _join(function: Callable[..., Tensor]) -> Callable[..., Jet]:
    """cat and stack, along an axis of the jets' own shape."""

    def rule(jets: Sequence[Any], dim: int = 0) -> Jet:
        first = next(jet for jet in jets if isinstance(jet, Jet))
        if not all(isinstance(jet, Jet) for jet in jets):
            raise UnsupportedError(f"{function.__name__} of an expression and a constant")
        if dim % (first.rows.dim() + (function is torch.stack)) == 0:
            raise UnsupportedError(f"{function.__name__} of points")
        return first.with_rows(function([jet.rows for jet in jets], dim=dim))

    return rule


def _filled(jet: Jet, value: float) -> Jet:
    """A constant of this shape."""
    rows = torch.zeros_like(jet.rows)
    rows[: jet.layout.counts[0]] = value
    return jet.with_rows(rows)


def _times(jet: Jet, activation: Activation) -> Jet:
    """z σ(z)."""
    # asked for its rows first, z is made once for both factors
    return _multiply(jet.with_rows(jet.rows), jet.then(activation))


def _gelu(jet: Jet, approximate: str = "none") -> Jet:
    if approximate != "none":
        raise UnsupportedError(f"gelu with approximate={approximate!r}")
    return _times(jet, activations.normal_distribution)


_RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    F.linear: _linear,
    torch.add: _add,
    torch.mul: _multiply,
    torch.multiply: _multiply,
    torch.sub: lambda a, b: _add(a, -b),
    torch.neg: lambda a: -a,
    torch.div: lambda a, b: a / b,
    torch.square: lambda a: a * a,
    torch.pow: lambda a, exponent: a**exponent,
    torch.reciprocal: lambda a: 1 / a,
    torch.sqrt: _compose(activations.power(0.5)),
    torch.tanh: _compose(activations.tanh),
    torch.sigmoid: _compose(activations.sigmoid),
    torch.sin: _compose(activations.sin),
    torch.cos: _compose(activations.cos),
    torch.exp: _compose(activations.exp),
    torch.log: _compose(activations.log),
    F.silu: lambda a, inplace=False: _times(a, activations.sigmoid),  # noqa: ARG005
    F.gelu: _gelu,
    torch.cat: _join(torch.cat),
    torch.stack: _join(torch.stack),
    torch.unbind: Jet.unbind,
    torch.sum: Jet.sum,
    torch.full_like: _filled,
    torch.zeros_like: lambda a: _filled(a, 0.0),
    torch.ones_like: lambda a: _filled(a, 1.0),
    Tensor.add: _add,
    Tensor.__add__: _add,
    Tensor.__radd__: _add,
    Tensor.mul: _multiply,
    Tensor.__mul__: _multiply,
    Tensor.__rmul__: _multiply,
    Tensor.sub: lambda a, b: _add(a, -b),
    Tensor.__sub__: lambda a, b: _add(a, -b),
    Tensor.__rsub__: lambda a, b: _add(b, -a),
    Tensor.__truediv__: lambda a, b: a / b,
    Tensor.__rtruediv__: lambda a, b: b / a,
}
