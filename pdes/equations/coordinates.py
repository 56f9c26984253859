"""Names of space coordinates for equations of any dimension."""

from __future__ import annotations


def space_coords(dimensions: int) -> tuple[str, ...]:
    """("x",), ("x", "y"), ("x", "y", "z"), then ("x1", ..., "xn")."""
    if dimensions < 1:
        raise ValueError(f"an equation has at least one space dimension, not {dimensions}")
    return tuple("xyz"[:dimensions]) if dimensions <= 3 else tuple(f"x{i + 1}" for i in range(dimensions))
