"""Jets: a tensor together with its derivatives by the coordinates, carried through a network in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from pdes.derivatives import activations
from pdes.derivatives.activations import Derivatives
from pdes.derivatives.multi_index import Index, faa_di_bruno, leibniz


class UnsupportedError(Exception):
    """An operation that jets do not know."""


class LinearRecord(NamedTuple):
    """A linear layer as a jet went through it: what the Jacobian by its weights needs."""

    weight: Tensor
    bias: Tensor | None
    input: Tensor
    output: Tensor


class ProductRecord(NamedTuple):
    """The elementwise product of a jet and a trained factor."""

    factor: Tensor
    input: Tensor
    output: Tensor


class SumRecord(NamedTuple):
    """A trained term added to the values of a jet; ``output`` are the values, (1, ...)."""

    term: Tensor
    output: Tensor


Record = LinearRecord | ProductRecord | SumRecord
"""Where a tensor that is trained, or computed from such, enters a jet."""


class Jet:
    """Values and derivatives, stacked: ``data[k]`` is the derivative ``indices[k]``, and ``indices[0]`` is ().

    Torch functions take jets in place of tensors (`__torch_function__`), so a network needs no change: linear
    maps act on all derivatives at once, products follow Leibniz's rule and activations Faà di Bruno's.

    A ``tape`` notes every place where a tensor that requires gradients enters the jet.

    Raises UnsupportedError, from the function that is not known.
    """

    def __init__(self, indices: Sequence[Index], data: Tensor, tape: list[Record] | None = None) -> None:
        self.indices, self.data, self.tape = tuple(indices), data, tape

    @classmethod
    def of_coordinates(
        cls, points: Tensor, indices: Sequence[Index], tape: list[Record] | None = None
    ) -> Jet:
        """The coordinates themselves: points (n, d), first derivatives 1 or 0, higher ones 0."""
        data = points.new_zeros(len(indices), *points.shape)
        data[0] = points
        for k, index in enumerate(indices):
            if len(index) == 1:
                data[k, :, index[0]] = 1
        return cls(indices, data, tape)

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
        return self.data.shape[1:]

    def with_data(self, data: Tensor) -> Jet:
        return Jet(self.indices, data, self.tape)

    def __getitem__(self, key: Any) -> Jet:
        return self.with_data(
            self.data[(slice(None), *key) if isinstance(key, tuple) else (slice(None), key)]
        )

    def __add__(self, other: Any) -> Jet:
        return _add(self, other)

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return self.with_data(-self.data)

    def __sub__(self, other: Any) -> Jet:
        return _add(self, -other)

    def __rsub__(self, other: Any) -> Jet:
        return _add(-self, other)

    def __mul__(self, other: Any) -> Jet:
        return _multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            raise UnsupportedError("division by an expression of the coordinates")
        return _multiply(self, 1 / other)

    def note(self, record: Record, *trained: Any) -> None:
        """Put ``record`` on the tape if one of the ``trained`` requires gradients."""
        if self.tape is not None and any(isinstance(t, Tensor) and t.requires_grad for t in trained):
            self.tape.append(record)


def _add(a: Any, b: Any) -> Jet:
    if isinstance(a, Jet) and isinstance(b, Jet):
        return a.with_data(a.data + b.data)
    jet, constant = (a, b) if isinstance(a, Jet) else (b, a)
    value = jet.data[:1] + constant
    jet.note(SumRecord(constant, value), constant)
    return jet.with_data(torch.cat([value, jet.data[1:].expand(-1, *value.shape[1:])]))


def _multiply(a: Any, b: Any) -> Jet:
    if not (isinstance(a, Jet) and isinstance(b, Jet)):
        jet, factor = (a, b) if isinstance(a, Jet) else (b, a)
        out = jet.data * factor
        jet.note(ProductRecord(factor, jet.data, out), factor)
        return jet.with_data(out)
    place = {index: k for k, index in enumerate(a.indices)}
    parts = []
    for index in a.indices:
        terms = [c * (a.data[place[left]] * b.data[place[right]]) for c, left, right in leibniz(index)]
        parts.append(sum(terms[1:], terms[0]))
    return a.with_data(torch.stack(parts))


class _Linear(torch.autograd.Function):
    """x (c, n, i) -> x Wᵀ, and the bias to the values alone, without a copy of the rest."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        out = F.linear(x, weight)
        if bias is not None:
            out[0] += bias
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        flat = grad.flatten(0, -2)
        return (
            grad @ weight if ctx.needs_input_grad[0] else None,
            flat.T @ x.flatten(0, -2) if ctx.needs_input_grad[1] else None,
            grad[0].sum(0) if ctx.has_bias else None,
        )


class _Compose(torch.autograd.Function):
    """σ of a jet. Faà di Bruno's terms of one block are σ' times all derivatives at once; the others one by one."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, derivatives: Derivatives, indices: tuple[Index, ...]) -> Tensor:
        order = max(map(len, indices))
        ctx.sigma, ctx.terms = derivatives(z[0], order + 1), _products(indices)
        ctx.save_for_backward(z)
        out = torch.empty_like(z)
        out[0] = ctx.sigma[0]
        torch.mul(z[1:], ctx.sigma[1], out=out[1:])
        for place, count, blocks in ctx.terms:
            out[place].addcmul_(ctx.sigma[len(blocks)], _product(z, blocks), value=count)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (z,) = ctx.saved_tensors
        sigma = ctx.sigma
        back = grad * sigma[1]
        if len(z) > 1:
            back[0].addcmul_((grad[1:] * z[1:]).sum(0), sigma[2])
        for place, count, blocks in ctx.terms:
            k = len(blocks)
            weighted = grad[place] if count == 1 else count * grad[place]
            back[0].addcmul_(weighted * _product(z, blocks), sigma[k + 1])
            weighted = weighted * sigma[k]
            for position, block in enumerate(blocks):
                others = blocks[:position] + blocks[position + 1 :]
                back[block].addcmul_(weighted, _product(z, others))
        return back, None, None


def _product(z: Tensor, blocks: tuple[int, ...]) -> Tensor:
    product = z[blocks[0]]
    for block in blocks[1:]:
        product = product * z[block]
    return product


@cache
def _products(indices: tuple[Index, ...]) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """Faà di Bruno's terms of several blocks as (place of the derivative, factor, places of the blocks)."""
    place = {index: k for k, index in enumerate(indices)}
    return tuple(
        (place[index], count, tuple(place[block] for block in blocks))
        for index in indices[1:]
        for count, blocks in faa_di_bruno(index)
        if len(blocks) > 1
    )


def _linear(x: Jet, weight: Tensor, bias: Tensor | None = None) -> Jet:
    out = _Linear.apply(x.data, weight, bias)
    x.note(LinearRecord(weight, bias, x.data, out), weight, bias)
    return x.with_data(out)


def _compose(derivatives: Derivatives) -> Callable[[Jet], Jet]:
    """The rule of an activation."""

    def rule(jet: Jet) -> Jet:
        return jet.with_data(_Compose.apply(jet.data, derivatives, jet.indices))

    return rule


def _join(function: Callable[..., Tensor]) -> Callable[..., Jet]:
    """cat and stack, along an axis of the jets' own shape."""

    def rule(jets: Sequence[Any], dim: int = 0) -> Jet:
        first = next(jet for jet in jets if isinstance(jet, Jet))
        if not all(isinstance(jet, Jet) for jet in jets):
            raise UnsupportedError(f"{function.__name__} of an expression and a constant")
        return first.with_data(function([jet.data for jet in jets], dim=dim if dim < 0 else dim + 1))

    return rule


def _gelu(jet: Jet, approximate: str = "none") -> Jet:
    if approximate != "none":
        raise UnsupportedError(f"gelu with approximate={approximate!r}")
    return jet * _compose(activations.normal_distribution)(jet)


_RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    F.linear: _linear,
    torch.add: _add,
    torch.mul: _multiply,
    torch.multiply: _multiply,
    torch.sub: lambda a, b: _add(a, -b),
    torch.neg: lambda a: -a,
    torch.div: lambda a, b: a / b,
    torch.square: lambda a: a * a,
    torch.tanh: _compose(activations.tanh),
    torch.sigmoid: _compose(activations.sigmoid),
    torch.sin: _compose(activations.sin),
    torch.cos: _compose(activations.cos),
    torch.exp: _compose(activations.exp),
    F.silu: lambda a, inplace=False: a * _compose(activations.sigmoid)(a),  # noqa: ARG005
    F.gelu: _gelu,
    torch.cat: _join(torch.cat),
    torch.stack: _join(torch.stack),
    Tensor.add: _add,
    Tensor.__add__: _add,
    Tensor.__radd__: _add,
    Tensor.mul: _multiply,
    Tensor.__mul__: _multiply,
    Tensor.__rmul__: _multiply,
    Tensor.sub: lambda a, b: _add(a, -b),
    Tensor.__sub__: lambda a, b: _add(a, -b),
    Tensor.__rsub__: lambda a, b: _add(-a, b),
}
