"""Derivatives that a residual needs only in constant linear combinations, carried as these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from pdes.derivatives.multi_index import Combination, Index, MultiIndex, closure
from pdes.derivatives.plan import JetDerivatives, JetPlan
from pdes.jet_pass import PointInput, known_values
from pdes.pde import PDE, State

_EQUAL = 1e-12
"""Relative difference up to which two coefficients are one number."""


def collapse(pde: PDE, plan: JetPlan, points: Tensor, inputs: Mapping[str, PointInput]) -> JetPlan:
    """The plan with fewer derivatives where the equation allows it.

    With the derivatives e_j that all residuals contain linearly, with constant coefficients C_ij,

        r_i = Σ_j C_ij e_j + (terms without them),

    only the combinations C e are needed: as many as C has independent rows. In reduced row echelon form each is
    e_p + Σ_{j≠p} c_j e_j with a pivot p that is in no other; given these for the pivots and zero for the other
    derivatives, the residuals are what they were. u_t - κ (u_xx + u_yy) is one derivative in place of three, and the rules
    for products and compositions add up likewise (collapsed Taylor mode).

    Whether coefficients are constant is seen by running the residual on random values at ``points`` (n, d), and holds for these
    points; and for all, ``anywhere`` of the plan, where the residual looks at no coordinate and no given field. What is learned is
    no constant.

    Source: F. Dangel, T. Siebert, M. Zeinhofer, A. Walther, arXiv:2505.13644, for sums of directions.
    """
    if plan.indices is None:
        return plan
    plain = [index for index in plan.indices if isinstance(index, tuple)]
    coefficients, nonlinear, anywhere = _coefficients(pde, plain, points, inputs)
    names = list(coefficients)
    reduced, pivots = (
        _row_echelon(torch.stack([coefficients[name] for name in names], 1)) if names else ([], [])
    )
    stand_ins: dict[MultiIndex, Combination | None] = dict.fromkeys(names)
    carried: list[Index] = [*nonlinear]
    for row, pivot in zip(reduced, pivots, strict=True):
        terms = tuple((c, name) for c, name in zip(row, names, strict=True) if c)
        if len(terms) == 1:
            del stand_ins[names[pivot]]
            carried.append(names[pivot])
        else:
            stand_ins[names[pivot]] = Combination(terms)
            carried.append(Combination(terms))
    indices = closure(carried)
    fewer = len(indices) < len(plan.indices)
    return (
        JetPlan(indices, stand_ins=stand_ins, anywhere=anywhere)
        if fewer
        else replace(plan, anywhere=anywhere)
    )


class _Watched(State):
    """A state that notes what a residual looks at."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__(values)
        self.seen: set[str] = set()

    def __getattr__(self, name: str) -> Tensor:
        value = super().__getattr__(name)
        self.seen.add(name)
        return value


@lru_cache(maxsize=4)
def _random_values(number: int, n: int) -> Sequence[Tensor]:
    """``number`` samples of ``n`` values of all sizes."""
    generator = torch.Generator().manual_seed(0)

    def sample() -> Tensor:
        sizes = 10 ** (4 * torch.rand(n, generator=generator, dtype=torch.float64) - 2)
        return sizes * torch.randn(n, generator=generator, dtype=torch.float64)

    return [sample() for _ in range(number)]


def _coefficients(
    pde: PDE, indices: list[MultiIndex], points: Tensor, inputs: Mapping[str, PointInput]
) -> tuple[dict[MultiIndex, Tensor], list[MultiIndex], bool]:
    """The constant coefficients, by residual and field, of the derivatives that have such; the derivatives used otherwise;
    and whether other points would show the same."""
    z = points.detach().double()
    keys = [(field, index) for field in range(len(pde.fields)) for index in indices]
    samples = _random_values(len(keys), len(z))
    leaves = {key: v.to(z.device).detach().requires_grad_() for key, v in zip(keys, samples, strict=True)}
    fields = {name: leaves[field, ()] for field, name in enumerate(pde.fields)}
    with torch.enable_grad():
        state = _Watched(known_values(pde, z, inputs) | fields)
        residuals = pde.named_residual(state, JetDerivatives(pde.coords, leaves))
        rows = [
            torch.autograd.grad(r.sum(), list(leaves.values()), create_graph=True, allow_unused=True)
            if r.requires_grad
            else [None] * len(leaves)
            for r in residuals.values()
        ]
    found: dict[MultiIndex, list[Tensor]] = {index: [] for index in indices}
    used: set[MultiIndex] = set()
    nonlinear: set[MultiIndex] = {()}
    for row in rows:
        for (_, index), gradient in zip(leaves, row, strict=True):
            values = torch.zeros_like(z[:, 0]) if gradient is None else gradient
            first = values[0].detach()
            if gradient is not None:
                used.add(index)
            constant = bool(((values - first).abs() <= _EQUAL * first.abs()).all())
            if values.requires_grad or not constant:
                nonlinear.add(index)
            found[index].append(first)
    linear = {index: torch.stack(found[index]) for index in indices if index in used - nonlinear}
    anywhere = state.seen <= set(pde.fields)
    return linear, [index for index in indices if index in nonlinear], anywhere


def _row_echelon(matrix: Tensor) -> tuple[list[list[float]], list[int]]:
    """The non-zero rows of the reduced row echelon form, and the column of each row's leading 1."""
    rows = matrix.clone()
    pivots: list[int] = []
    smallest = _EQUAL * float(matrix.abs().max())
    for column in range(matrix.shape[1]):
        done = len(pivots)
        if done == len(rows):
            break
        best = done + int(rows[done:, column].abs().argmax())
        if float(rows[best, column].abs()) <= smallest:
            continue
        rows[[done, best]] = rows[[best, done]]
        rows[done] /= rows[done, column].clone()
        others = [k for k in range(len(rows)) if k != done]
        rows[others] -= rows[others, column, None] * rows[done]
        pivots.append(column)
    rows[rows.abs() <= _EQUAL] = 0
    return rows[: len(pivots)].tolist(), pivots
