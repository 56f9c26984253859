"""Levenberg-Marquardt: second-order training for sums of squared residuals."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from sciml.optim.damped_system import DampedSystem
from sciml.optim.sketch import RowSketch

_LOG = logging.getLogger(__name__)

Linearise = Callable[[bool | RowSketch], tuple[Tensor, Tensor | None]]
"""The residuals (m,) at the present parameters and, where asked for, their Jacobian J (m, P), or S J (k, P) for a
sketch S, which is then overwritten."""

_TRIALS = 15
_LEAST_DAMPING = 1e-18
_CONTRACTION = 0.7
"""A correction is taken while it is at most this share of the one before."""
_CONVERGED = 1e-2
"""Corrections end where one lowers the damped sum of squares by less than this share."""


class _Trial(NamedTuple):
    """A step, as unknown of the system and as change of the scaled parameters, and what it leads to."""

    unknown: Tensor
    step: Tensor
    residual: Tensor
    cost: float


class LevenbergMarquardt(torch.optim.Optimizer):
    """θ <- θ - s, where s minimises |r - J s|² + λ |D (s - c)|², corrected for the curvature of r.

    λ follows from how well the linear model predicted the decrease. A step that does not decrease |r|² is taken back
    and tried again with a larger λ, so a step never makes things worse on its points. D is a power of the column norms of J.

    The corrections solve for the minimum of |r(θ - s)|² + λ |D (s - c)|² itself by Newton's chord method: with J and its
    factorisation as they are,

        s <- s + (JᵀJ + λ D²)⁻¹ (Jᵀ r(θ - s) - λ D² (s - c)).

    Each costs one evaluation of the residuals, a small part of J. The first one is geodesic acceleration to second order;
    together they allow a λ orders of magnitude smaller where the valley of |r|² is curved, as it is for PINNs.

    Use float64.

    Parameters
    ----------
    lr : length of a step as a share of s; corrections are for 1
    damping : λ at the start
    scaling : the squares of D are the squared column norms over their mean to this power: 0 damps all parameters
        alike (Levenberg), 1 each in proportion to its curvature (Marquardt)
    corrections : most corrections of a step
    line_search : halvings of a step that are tried before λ is raised
    momentum : c is this share of the last step (SPRING); for few points that are redrawn every step
    memory : most bytes that the Jacobian and the system may take

    Raises ValueError, saying how large it would be, where a step would need more memory than that, and
    FloatingPointError where the residuals are not finite; the parameters then are those before the step.

    Sources: H. B. Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05 (1999), for λ; M. K. Transtrum,
    J. P. Sethna, arXiv:1201.5885, for geodesic acceleration; J. Fan, Math. Comp. 81 (2012) 447, for steps with an old
    Jacobian; G. Goldshlager, N. Abrahamsen, L. Lin, J. Comput. Phys. 516 (2024) 113351, for momentum.
    """

    needs: ClassVar[str] = "residuals"

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 1.0,
        damping: float = 1e-3,
        scaling: float = 0.5,
        corrections: int = 30,
        line_search: int = 0,
        momentum: float = 0.0,
        memory: float = 8 * 2**30,
    ) -> None:
        if not damping > 0:
            raise ValueError(f"damping must be positive, not {damping}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1, not {momentum}")
        if not 0 <= scaling <= 1:
            raise ValueError(f"scaling must be from 0 to 1, not {scaling}")
        if corrections < 0 or line_search < 0:
            raise ValueError(f"corrections and line_search count from 0, not {corrections} and {line_search}")
        super().__init__(
            params,
            {
                "lr": lr,
                "damping": damping,
                "scaling": scaling,
                "corrections": corrections,
                "line_search": line_search,
                "momentum": momentum,
                "memory": memory,
            },
        )
        self._stuck = False

    _instead = "SketchedGaussNewton"

    @torch.no_grad()
    def step(self, linearise: Linearise) -> float:  # type: ignore[override]
        """One accepted step, or none where no trial gives a decrease, with a warning; returns |r|² after it."""
        group = self.param_groups[0]
        full, jacobian, sketch = self._linear_model(linearise)
        residual = sketch(full)
        scale = _scale(jacobian, group["scaling"])
        jacobian /= scale
        system, cost = DampedSystem(jacobian), float(full @ full)
        start = [p.clone() for p in group["params"]]

        def trial(unknown: Tensor, step: Tensor) -> _Trial:
            self._move(start, step / scale)
            r, _ = linearise(False)
            return _Trial(unknown, step, sketch(r), float(r @ r))

        damping, growth, centre = group["damping"], 2.0, self._centre(scale)
        for _ in range(_TRIALS):
            if system.factorise(damping):
                unknown = system.solve(system.right_side(residual - jacobian @ centre))
                step = centre + system.step(unknown)
                decrease = jacobian @ step
                predicted = float(decrease @ (2 * residual - decrease))
                best = trial(unknown, group["lr"] * step)
                if group["lr"] == 1:
                    best = self._correct(trial, system, best, centre, damping)
                for halving in range(1, group["line_search"] + 1):
                    if best.cost < cost:
                        break
                    best = trial(unknown, group["lr"] * step / 2**halving)
                if best.cost < cost:
                    gain = min((cost - best.cost) / max(predicted, torch.finfo(torch.float64).tiny), 1.0)
                    group["damping"] = max(damping * max(1 / 5, 1 - (2 * gain - 1) ** 3), _LEAST_DAMPING)
                    self._move(start, best.step / scale)
                    if group["momentum"]:
                        self.state[group["params"][0]]["step"] = best.step / scale
                    self._stuck = False
                    return best.cost
            # where momentum points the wrong way, the damped step alone still descends
            centre = torch.zeros_like(centre)
            damping *= growth
            growth *= 2
        self._move(start, torch.zeros_like(scale))
        if not self._stuck:
            _LOG.warning("no damping up to %.0e decreases the residuals; the parameters stay", damping)
        self._stuck = True
        return cost

    def _correct(
        self,
        trial: Callable[[Tensor, Tensor], _Trial],
        system: DampedSystem,
        best: _Trial,
        centre: Tensor,
        damping: float,
    ) -> _Trial:
        """The step with corrections while they contract and |r(θ - s)|² + λ |s - c|² falls."""

        def damped(t: _Trial) -> float:
            return t.cost + damping * float((t.step - centre).square().sum())

        size = float((best.step - centre).norm())
        for _ in range(self.param_groups[0]["corrections"]):
            if not math.isfinite(best.cost):
                break
            change = system.solve(system.right_side(best.residual) - damping * best.unknown)
            correction = system.step(change)
            before, size = size, float(correction.norm())
            if not size <= _CONTRACTION * before:
                break
            corrected = trial(best.unknown + change, best.step + correction)
            if not damped(corrected) <= damped(best):
                break
            converged = damped(corrected) > (1 - _CONVERGED) * damped(best)
            best = corrected
            if converged:
                break
        return best

    def _centre(self, scale: Tensor) -> Tensor:
        group = self.param_groups[0]
        last = self.state[group["params"][0]].get("step") if group["momentum"] else None
        return torch.zeros_like(scale) if last is None else group["momentum"] * last * scale

    @torch.no_grad()
    def check(self, linearise: Linearise) -> None:
        """Raises what a step would raise, without one."""
        self._linear_model(linearise)

    def _linear_model(self, linearise: Linearise) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        """r, J and what to do with a residual so that it belongs to the rows of J."""
        probe, _ = linearise(False)
        columns = sum(p.numel() for p in self.param_groups[0]["params"])
        self._require_memory(len(probe), columns, probe.element_size())
        sketch = self._sketch(len(probe))
        residual, jacobian = linearise(True if sketch is None else sketch)
        assert jacobian is not None
        if not torch.isfinite(jacobian).all() or not torch.isfinite(residual).all():
            raise FloatingPointError("the residuals or their derivatives are not finite")
        return residual, jacobian, sketch or (lambda r: r)

    def _sketch(self, rows: int) -> RowSketch | None:
        return None

    def _require_memory(self, rows: int, columns: int, item: int) -> None:
        needed = DampedSystem.bytes(rows, columns, item)
        if needed > self.param_groups[0]["memory"]:
            raise ValueError(
                f"a dense Gauss-Newton step with {rows} residuals and {columns} parameters needs {needed / 2**30:.1f} GiB; "
                f"use {self._instead}, fewer points, a smaller network, or LBFGS"
            )

    def _move(self, start: list[Tensor], step: Tensor) -> None:
        """The parameters at ``start`` less ``step`` (P,)."""
        parameters = self.param_groups[0]["params"]
        parts = step.split([p.numel() for p in parameters])
        for parameter, value, part in zip(parameters, start, parts, strict=True):
            torch.sub(value, part.view_as(value), out=parameter)


def _scale(jacobian: Tensor, power: float) -> Tensor:
    """D: column norms of J relative to their mean square, to ``power``, and not below a hundredth."""
    squares = torch.linalg.vector_norm(jacobian, dim=0).square()
    mean = squares.mean().clamp(min=torch.finfo(squares.dtype).tiny)
    return (squares / mean).pow(power / 2).clamp(min=1e-2)
