"""What the problems with an exact solution share: their conditions, read off that solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from pdes.conditions import Condition, Dirichlet, Initial

Solution = Callable[[Tensor], Tensor]
"""Points (n, d) to fields (n, k)."""


def column(solution: Solution, index: int) -> Callable[[Tensor], Tensor]:
    """One field of a solution, points (n, d) to values (n,)."""
    return lambda z: solution(z)[:, index]


def boundary_values(solution: Solution, fields: Sequence[str] = ("u",)) -> tuple[Condition, ...]:
    """u = solution on the boundary, for the first fields of the equation; named "u_boundary", ..."""
    return tuple(
        Dirichlet(field, column(solution, i), name=f"{field}_boundary") for i, field in enumerate(fields)
    )


def initial_values(solution: Solution, fields: Sequence[str] = ("u",)) -> tuple[Condition, ...]:
    """u = solution at the start of time, for the first fields of the equation; named "u_initial", ..."""
    return tuple(
        Initial(field, column(solution, i), name=f"{field}_initial") for i, field in enumerate(fields)
    )
