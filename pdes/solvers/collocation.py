"""The reference solver for smooth problems in boxes; it takes the equation and the conditions from the problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pdes.conditions import Condition, Evaluate, Observation, OnBoundary
from pdes.derivatives.multi_index import MultiIndex, closure
from pdes.derivatives.plan import JetDerivatives
from pdes.geometry import Box
from pdes.jet_pass import known_values
from pdes.pde import Derivative, State
from pdes.problem import Problem
from pdes.residual import plan_derivatives, point_state
from pdes.solvers.chebyshev import ChebyshevSeries

_MOST_STEPS = 30
_MOST_BYTES = 8 * 2**30
_DEPENDENT = 1e-13
"""A column whose part that is independent of the others is below this fraction depends on them."""

Residuals = Callable[[Evaluate], Mapping[str, Tensor]]
"""Residuals by name, (n,) each, of what can be evaluated."""


def solve_collocation(problem: Problem, degree: int, *, rtol: float = 1e-9) -> ChebyshevSeries:
    """Solve any problem in a box, steady or in space and time: Chebyshev collocation, Newton's method, float64.

    Nothing of the equation is written here. The fields are Chebyshev series; the residuals of the equation at
    the tensor product of degree + 4 Gauss points, and those of the conditions at points that gather at edges,
    are linearised by automatic differentiation. There are more of them than unknowns, so each Newton step is
    a least-squares solution. Velocity and pressure need no staggering: at these points no pressure mode is invisible.

    A residual with derivatives of order k is measured in L2 with the weight Π (1 - x̂²)^(k-1): derivatives of polynomials grow
    so towards the walls. Without it, singularities that are left at corners spoil the solution everywhere. Each
    residual is divided by the norm of its linearisation, so that units do not matter.

    Parameters
    ----------
    problem : with fields that are smooth but for its ``known`` part, which is differentiated by automatic differentiation;
        its conditions must determine them
    degree : of the polynomials in each coordinate
    rtol : Newton's method ends with a step below this fraction of the coefficients

    Returns
    -------
    The series of the solution, less the known part.

    Raises ValueError for another domain than a box, a residual that differentiates an expression, a degree below 2 and a
    system too large for memory; FloatingPointError where residuals are not finite; RuntimeError where the
    conditions do not determine the fields, or Newton's method does not converge.

    Source: J. P. Boyd, Chebyshev and Fourier Spectral Methods (2001), chapters 3 and 15; least squares for
    velocity and pressure: P. B. Bochev, M. D. Gunzburger, Least-Squares Finite Element Methods (2009), chapter 7;
    the weight: B.-Y. Guo, J. Shen, L.-L. Wang, J. Sci. Comput. 27 (2006) 305.
    """
    system = _System(problem, degree)
    series = system.zero
    for _ in range(_MOST_STEPS):
        residual, jacobian = system.linearise(series)
        if not torch.isfinite(residual).all() or not torch.isfinite(jacobian).all():
            raise FloatingPointError(f"{problem.name}: the residuals at degree {degree} are not finite")
        step = _least_squares(jacobian, residual)
        if step is None:
            raise RuntimeError(
                f"{problem.name}: its conditions do not determine {', '.join(problem.pde.fields)}; "
                "add those that are missing, for a pressure an Observation at a point"
            )
        coefficients = series.coefficients - step.reshape_as(series.coefficients)
        series = ChebyshevSeries(series.lower, series.upper, coefficients)
        if step.norm() <= rtol * coefficients.norm():
            return series
    raise RuntimeError(
        f"{problem.name}: Newton's method did not converge in {_MOST_STEPS} steps at degree {degree}; "
        "solve an easier problem, or raise the degree"
    )


def _least_squares(matrix: Tensor, right: Tensor) -> Tensor | None:
    """The x with the least |A x - b|; None where A has dependent columns."""
    # with b as a last column, the triangular factor holds Qᵀ b and Q is not needed
    factor = torch.linalg.qr(torch.cat([matrix, right[:, None]], 1), mode="r").R
    columns = matrix.shape[1]
    diagonal = factor.diagonal()[:columns].abs()
    if not diagonal.min() > _DEPENDENT * diagonal.max():
        return None
    return torch.linalg.solve_triangular(factor[:columns, :columns], factor[:columns, -1:], upper=True)[:, 0]


def _stretched(points: Tensor, domain: Box) -> Tensor:
    """Evenly spread points of a box, moved towards its edges as Chebyshev points are; those on a face stay on it."""
    low, high = points.new_tensor(domain.lower), points.new_tensor(domain.upper)
    share = (points - low) / (high - low)
    return low + (high - low) * (1 - torch.cos(math.pi * share)) / 2


class _System:
    """All residuals of a problem as functions of the coefficients of a series."""

    def __init__(self, problem: Problem, degree: int) -> None:
        domain, pde = problem.domain, problem.pde
        if not isinstance(domain, Box):
            raise ValueError(
                f"solve_collocation needs a box, and {problem.name} has a {type(domain).__name__}"
            )
        if degree < 2:
            raise ValueError(f"degree={degree}: the polynomials must have a degree of at least 2")
        self._problem, self._domain = problem, domain
        sizes = [degree + 1] * len(pde.coords)
        needed = 8 * len(pde.fields) ** 2 * (degree + 4) ** len(sizes) * math.prod(sizes)
        if needed > _MOST_BYTES:
            raise ValueError(
                f"{problem.name} at degree {degree} is a dense system of {needed / 2**30:.0f} GiB; lower the degree"
            )
        self.zero = ChebyshevSeries(
            domain.lower, domain.upper, torch.zeros(len(pde.fields), *sizes, dtype=torch.float64)
        )
        nodes, weights = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(degree + 4))
        scaled = torch.cartesian_prod(*[nodes] * len(sizes)).reshape(-1, len(sizes))
        low, high = scaled.new_tensor(domain.lower), scaled.new_tensor(domain.upper)
        self._interior = low + (high - low) * (1 + scaled) / 2
        self._quadrature = torch.cartesian_prod(*[weights] * len(sizes)).reshape(-1, len(sizes)).prod(1)
        self._wall_distance = (1 - scaled**2).prod(1)
        self._points = {c.name: self._on_condition(c, degree) for c in problem.conditions}
        requested: set[MultiIndex] = set()
        for residuals in self._residuals():
            plan = plan_derivatives(pde, residuals, problem.inputs)
            if plan.indices is None:
                raise ValueError(f"solve_collocation cannot solve {problem.name}: {plan.reason}")
            requested.update(index for index in plan.indices if isinstance(index, tuple))
        self._indices = closure(requested)

    def _on_condition(self, condition: Condition, degree: int) -> Tensor:
        every_face = isinstance(condition, OnBoundary) and condition.part is None
        faces = len(self._domain.parts) if every_face else 1
        n = faces * 2 * (degree + 1) ** (len(self._domain.coords) - 1)
        points = condition.sample(self._domain, n, torch.Generator().manual_seed(0), torch.float64)
        return points if isinstance(condition, Observation) else _stretched(points, self._domain)

    def _residuals(self) -> Iterator[Residuals]:
        """What is to vanish: the equation, then each condition."""
        problem, interior = self._problem, self._interior
        yield lambda evaluate: problem.pde.named_residual(*evaluate(interior))
        for condition in problem.conditions:
            yield partial(self._of_condition, condition)

    def _of_condition(self, condition: Condition, evaluate: Evaluate) -> dict[str, Tensor]:
        points = self._points[condition.name]
        return {condition.name: condition.residual(points, self._domain, evaluate)}

    def linearise(self, series: ChebyshevSeries) -> tuple[Tensor, Tensor]:
        """All residuals (m,), and their derivatives by the coefficients (m, fields * polynomials)."""
        values, rows = [], []
        for number, residuals in enumerate(self._residuals()):
            linear = _Linearisation(self._problem, series, self._indices)
            for residual in residuals(linear.evaluate).values():
                jacobian, order = linear.jacobian(residual)
                weight = torch.ones_like(residual)
                if number == 0:
                    weight = (self._quadrature * self._wall_distance ** max(order - 1, 0)).sqrt()
                jacobian *= weight[:, None]
                size = jacobian.norm().clamp_min(torch.finfo(torch.float64).tiny)
                values.append(weight * residual.detach() / size)
                rows.append(jacobian.div_(size))
        return torch.cat(values), torch.cat(rows)


class _Linearisation:
    """Residuals at points depend on the fields and their derivatives there; these are linear in the coefficients."""

    def __init__(
        self,
        problem: Problem,
        series: ChebyshevSeries,
        indices: tuple[MultiIndex, ...],
    ) -> None:
        self._problem, self._series, self._indices = problem, series, indices
        self._leaves: list[tuple[int, Tensor, Tensor]] = []

    def evaluate(self, points: Tensor) -> tuple[State, Derivative]:
        """The state at ``points`` (n, d); what it depends on is noted, by derivative and field."""
        pde, inputs = self._problem.pde, self._problem.inputs
        flat = self._series.coefficients.flatten(1).T
        components = self._known_components(points)
        for index in self._indices:
            basis = self._series.basis(points, index)
            components[index] = (components[index] + basis @ flat).requires_grad_()
            self._leaves.append((len(index), components[index], basis))
        columns = {
            (field, index): column
            for index, component in components.items()
            for field, column in enumerate(component.unbind(1))
        }
        values = known_values(pde, points, inputs)
        values |= {name: columns[field, ()] for field, name in enumerate(pde.fields)}
        return State(values), JetDerivatives(pde.coords, columns)

    def _known_components(self, points: Tensor) -> dict[MultiIndex, Tensor]:
        pde, known = self._problem.pde, self._problem.known
        if known is None:
            zero = points.new_zeros(len(points), len(pde.fields))
            return dict.fromkeys(self._indices, zero)
        state, d = point_state(pde, known, points.clone(), self._problem.inputs)
        fields = [getattr(state, name) for name in pde.fields]
        return {
            index: torch.stack(
                [d(u, tuple(pde.coords[i] for i in index)) if index else u for u in fields], 1
            ).detach()
            for index in self._indices
        }

    def jacobian(self, residual: Tensor) -> tuple[Tensor, int]:
        """∂r/∂c = Σ ∂r/∂(derivative of a field) ∂(that)/∂c, (n, fields * polynomials), and the highest order in it."""
        gradients = torch.autograd.grad(
            residual.sum(), [leaf for _, leaf, _ in self._leaves], retain_graph=True, allow_unused=True
        )
        rows = residual.new_zeros(len(residual), *self._series.coefficients.flatten(1).shape)
        highest = 0
        for gradient, (order, _, basis) in zip(gradients, self._leaves, strict=True):
            if gradient is not None:
                for field in gradient.any(0).nonzero().flatten().tolist():
                    rows[:, field].addcmul_(gradient[:, field, None], basis)
                    highest = max(highest, order)
        return rows.flatten(1), highest
