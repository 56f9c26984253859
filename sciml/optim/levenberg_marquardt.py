"""Levenberg-Marquardt: second-order training for sums of squared residuals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

Linearise = Callable[[bool], tuple[Tensor, Tensor | None]]
"""The residuals (m,) at the present parameters and, where asked for, their Jacobian (m, P)."""

_TRIALS = 12
_LARGEST_DAMPING = 1e12


class LevenbergMarquardt(torch.optim.Optimizer):
    """θ <- θ - (JᵀJ + λ I)⁻¹ Jᵀ r, with λ chosen by how well the linear model predicted the decrease.

    The system is solved in parameter space, or as Jᵀ (J Jᵀ + λ I)⁻¹ r in row space where there are fewer residuals
    than parameters. A step that does not decrease |r|² is taken back and tried again with a larger λ, so a step
    never makes things worse on its points. Use float64.

    Parameters
    ----------
    damping : λ at the start
    memory : most bytes that the Jacobian and the system may take

    Raises ValueError, saying how large it would be, where a step would need more memory than that, and
    FloatingPointError where the residuals are not finite; the parameters then are those before the step.

    Source: H. B. Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05 (1999).
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 1.0,
        damping: float = 1e-3,
        memory: float = 8 * 2**30,
    ) -> None:
        super().__init__(params, {"lr": lr, "damping": damping, "growth": 2.0, "memory": memory})

    @torch.no_grad()
    def step(self, linearise: Linearise) -> float:  # type: ignore[override]
        """One accepted step, or none where no damping up to `_LARGEST_DAMPING` gives a decrease; returns |r|² after it."""
        group = self.param_groups[0]
        parameters = group["params"]
        residual, jacobian = linearise(True)
        assert jacobian is not None
        cost = float(residual @ residual)
        if not torch.isfinite(jacobian).all() or not torch.isfinite(residual).all():
            raise FloatingPointError("the residuals or their derivatives are not finite")
        rows, columns = jacobian.shape
        self._require_memory(rows, columns, jacobian.element_size(), group["memory"])
        by_rows = rows < columns
        gram = jacobian @ jacobian.T if by_rows else jacobian.T @ jacobian
        gradient = jacobian.T @ residual
        start = [p.clone() for p in parameters]
        for _ in range(_TRIALS):
            step = self._solve(gram, residual if by_rows else gradient, group["damping"])
            if step is not None:
                step = group["lr"] * (jacobian.T @ step if by_rows else step)
                self._move(parameters, start, step)
                trial, _ = linearise(False)
                trial_cost = float(trial @ trial)
                if trial_cost < cost:
                    predicted = float(step @ (group["damping"] * step + gradient))
                    gain = (cost - trial_cost) / max(predicted, torch.finfo(torch.float64).tiny)
                    group["damping"] *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
                    group["growth"] = 2.0
                    return trial_cost
            if group["damping"] > _LARGEST_DAMPING:
                break
            group["damping"] *= group["growth"]
            group["growth"] *= 2
        group["growth"] = 2.0
        self._move(parameters, start, None)
        return cost

    @staticmethod
    def _require_memory(rows: int, columns: int, item: int, limit: float) -> None:
        needed = item * (rows * columns + 2 * min(rows, columns) ** 2)
        if needed > limit:
            raise ValueError(
                f"a dense Gauss-Newton step with {rows} residuals and {columns} parameters needs {needed / 2**30:.1f} GiB; "
                "use fewer points, a smaller network, or LBFGS"
            )

    @staticmethod
    def _solve(gram: Tensor, right: Tensor, damping: float) -> Tensor | None:
        """(G + λ I)⁻¹ b; None where the sum is not positive definite to rounding."""
        damped = gram.clone()
        damped.diagonal().add_(damping)
        factor, info = torch.linalg.cholesky_ex(damped)
        if int(info):
            return None
        solution = torch.cholesky_solve(right[:, None], factor)[:, 0]
        return solution if bool(torch.isfinite(solution).all()) else None

    @staticmethod
    def _move(parameters: list[Any], start: list[Tensor], step: Tensor | None) -> None:
        offset = 0
        for parameter, value in zip(parameters, start, strict=True):
            parameter.copy_(value)
            if step is not None:
                parameter -= step[offset : offset + value.numel()].view_as(value)
                offset += value.numel()
