"""How well the training of a PINN is conditioned, and the rescaling of parameters that improves it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from operators import FourierSeries
from pdes import Problem
from pdes.conditions import Condition
from sciml.optim.balancer import loss_weights
from sciml.optim.jacobian import batched_jacobian

_CHUNK = 64
"""Points that are differentiated at once: each of their residuals takes a backward pass over all of them."""


@dataclass(frozen=True)
class Conditioning:
    """The spectrum of A = JᵀJ, with J the Jacobian of all weighted residuals by the parameters.

    Near a minimum, gradient descent on Σ r² follows A: with the best constant step the error falls by
    (κ - 1) / (κ + 1) a step, κ being the condition number on the range of A.

    Attributes
    ----------
    eigenvalues : of A, (P,), the largest first; beyond the number of residuals they are zero
    diagonal : of A, (P,), in the order of the parameters
    cutoff : eigenvalues below this share of the largest are rounding
    residuals : how many there are
    """

    eigenvalues: Tensor
    diagonal: Tensor
    cutoff: float
    residuals: int

    @classmethod
    def of(cls, jacobian: Tensor, cutoff: float | None = None) -> Conditioning:
        """From J (n, P). The singular values of J are taken, as forming A would lose half of the digits.

        ``cutoff`` is (ε max(n, P))² by default, with the machine precision ε of J.
        """
        if cutoff is None:
            cutoff = (torch.finfo(jacobian.dtype).eps * max(jacobian.shape)) ** 2
        eigenvalues = jacobian.new_zeros(jacobian.shape[1], dtype=torch.float64)
        eigenvalues[: min(jacobian.shape)] = torch.linalg.svdvals(jacobian.double()).square()
        return cls(eigenvalues, jacobian.double().square().sum(0), cutoff, len(jacobian))

    @property
    def rank(self) -> int:
        """Eigenvalues above the cut-off."""
        return int((self.eigenvalues > self.cutoff * self.eigenvalues[0]).sum())

    @property
    def condition_number(self) -> float:
        """λ_max / λ_min; infinite where an eigenvalue is zero to rounding."""
        return self.range_condition_number if self.rank == len(self.eigenvalues) else math.inf

    @property
    def range_condition_number(self) -> float:
        """λ_max / λ_rank: of the directions in which the residuals change at all."""
        return float(self.eigenvalues[0] / self.eigenvalues[self.rank - 1]) if self.rank else math.nan

    @property
    def learning_rate(self) -> float:
        """The best constant step of gradient descent on Σ r², 1 / (λ_max + λ_rank)."""
        return float(1 / (self.eigenvalues[0] + self.eigenvalues[self.rank - 1])) if self.rank else math.nan

    def __str__(self) -> str:
        return (
            f"{len(self.eigenvalues)} parameters, {self.residuals} residuals: condition number {self.condition_number:.3g}, "
            f"{self.range_condition_number:.3g} on the range of rank {self.rank} "
            f"(eigenvalues above {self.cutoff:.1g} of the largest, {float(self.eigenvalues[0]):.3g})"
        )


def conditioning(
    problem: Problem,
    model: nn.Module,
    *,
    weights: Mapping[str, float] | None = None,
    interior: int = 1000,
    conditions: int = 200,
    seed: int = 0,
    cutoff: float | None = None,
    memory: float = 4 * 2**30,
) -> Conditioning:
    """Spectrum and condition number of A = JᵀJ at the present parameters.

    A_ij = Σ_l w_l mean_x (∂r_l/∂θ_i) (∂r_l/∂θ_j), with a loss l for each residual of the equation and each condition:
    half the Hessian of the weighted sum of losses, but for the curvature of the model. Any model will do.

    Parameters
    ----------
    weights : w_l by the name of the loss, 1 where not given; as for `WeightedSum`
    interior, conditions : points of the equation, and of each condition
    seed : of the points
    cutoff : eigenvalues below this share of the largest count as zero, see `Conditioning.of`
    memory : most bytes that the Jacobian and its decomposition may take

    Raises ValueError, saying how large it would be, where they would take more, for a weight of a loss that does not
    exist, and for a model without parameters; FloatingPointError where a derivative is not finite.

    Source: T. De Ryck, F. Bonnet, S. Mishra, E. de Bézenac, arXiv:2310.05801, section 2.
    """
    parameters = [p for p in (*model.parameters(), *problem.pde.parameters().values()) if p.requires_grad]
    if not parameters:
        raise ValueError("conditioning needs a model with parameters that are trained")
    count, size = sum(p.numel() for p in parameters), parameters[0].element_size()
    residuals = len(problem.pde.fields) * interior + len(problem.conditions) * conditions
    if 3 * residuals * count * size > memory:
        raise ValueError(
            f"the Jacobian of about {residuals} residuals by {count} parameters and its decomposition need "
            f"{3 * residuals * count * size / 2**30:.1f} GiB; use fewer points or a smaller model, or allow more memory"
        )
    generator = torch.Generator().manual_seed(seed)
    domain, evaluate = problem.domain, problem.evaluate(model)

    def equation(points: Tensor) -> dict[str, Tensor]:
        return problem.pde.named_residual(*evaluate(points))

    def imposed(condition: Condition, points: Tensor) -> dict[str, Tensor]:
        return {condition.name: condition.residual(points, domain, evaluate)}

    terms = [(domain.sample(interior, generator, parameters[0].dtype), equation)]
    for condition in problem.conditions:
        points = condition.sample(domain, conditions, generator, parameters[0].dtype)
        terms.append((points, partial(imposed, condition)))
    rows: dict[str, Tensor] = {}
    for points, residual in terms:
        rows |= _scaled_jacobians(residual, points.to(parameters[0].device), parameters)
    scales = [w**0.5 for w in loss_weights(rows, weights or {})]
    return Conditioning.of(torch.cat([w * j for w, j in zip(scales, rows.values(), strict=True)]), cutoff)


def _scaled_jacobians(
    residual: Callable[[Tensor], dict[str, Tensor]], points: Tensor, parameters: Sequence[Tensor]
) -> dict[str, Tensor]:
    """The Jacobian (n, P) of each residual by its name, over √n: that of a mean of squares."""
    rows = defaultdict(list)
    for chunk in points.split(_CHUNK):
        with torch.enable_grad():
            residuals = residual(chunk)
        for name, r in residuals.items():
            rows[name].append(batched_jacobian(r, parameters))
            if not bool(torch.isfinite(rows[name][-1]).all()):
                raise FloatingPointError(
                    f"the residual {name!r} has derivatives by the parameters that are not finite"
                )
    return {name: torch.cat(parts) / len(points) ** 0.5 for name, parts in rows.items()}


def precondition(
    problem: Problem, model: FourierSeries, *, weights: Mapping[str, float] | None = None
) -> None:
    """Rescale the parameters of a series so that the diagonal of A becomes 1; the function that it is stays.

    Takes care of what the order of the operator does not say: variable coefficients, lower orders, and the weights of
    the conditions. Several fields share the scale of a function, from the mean over the fields.

    Raises ValueError where a function of the series changes no residual.
    """
    weight = model.layer.weight
    found = conditioning(problem, model, weights=weights)
    diagonal = found.diagonal[: weight.numel()].view_as(weight).mean(0)
    if not bool((diagonal > 0).all()):
        raise ValueError(
            f"{int((diagonal <= 0).sum())} functions of the series change no residual; give conditions that do"
        )
    model.rescale(diagonal.rsqrt().to(weight.dtype))
