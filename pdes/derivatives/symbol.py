"""Expressions of C++, which the formulas of jets take in place of tensors."""

from __future__ import annotations

from typing import Any


class Symbol:
    """An expression of the type T, or of vectors of it."""

    def __init__(self, code: str) -> None:
        self.code = code

    @staticmethod
    def _of(value: Any) -> str:
        return value.code if isinstance(value, Symbol) else f"T({value!r})"

    def _with(self, operation: str, other: Any) -> Symbol:
        return Symbol(f"({self.code} {operation} {self._of(other)})")

    def __add__(self, other: Any) -> Symbol:
        return self._with("+", other)

    def __sub__(self, other: Any) -> Symbol:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Symbol:
        return Symbol(f"({self._of(other)} - {self.code})")

    def __mul__(self, other: Any) -> Symbol:
        return self._with("*", other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return Symbol(f"({self._of(other)} / {self.code})")

    __radd__, __rmul__ = __add__, __mul__

    def exp(self) -> Symbol:
        return Symbol(f"exponential({self.code})")
