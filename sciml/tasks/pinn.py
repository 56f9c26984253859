"""A problem as a task: residuals of the equation and its conditions at points."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pdes import Problem
from pdes.conditions import Evaluate
from pdes.derivatives.jet import Record
from pdes.derivatives.plan import JetPlan
from pdes.residual import plan_derivatives, point_residual, point_state
from sciml.evaluate import relative_l2
from sciml.optim.jacobian import residual_jacobian
from sciml.plots import plot_comparison, plot_spacetime
from sciml.tasks.task import Evaluation, Task

_LOG = logging.getLogger(__name__)
DEFAULT_CONDITION_POINTS = 200
_CANDIDATES = 4
"""Candidates per point of the adaptive share."""


class PinnTask(Task):
    """Mean squared residuals of a `pdes.Problem`, one loss for each equation and condition.

    Parameters
    ----------
    interior : collocation points of the equation
    conditions : points of each condition by its name, `DEFAULT_CONDITION_POINTS` where not given
    resample_every : new points after so many steps; 0 keeps the first ones
    adaptive : share of the interior points drawn with a probability proportional to |r| / mean|r| + 1 of the
        present model (residual-based adaptive distribution; C. Wu et al., arXiv:2207.10289)
    seed, dtype, device : of the points

    Raises ValueError where ``conditions`` names one that the problem does not have.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        interior: int = 4000,
        conditions: Mapping[str, int] | None = None,
        resample_every: int = 0,
        adaptive: float = 0.0,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        names = [condition.name for condition in problem.conditions]
        counts = dict(conditions or {})
        unknown = [name for name in counts if name not in names]
        if unknown:
            raise ValueError(
                f"points.conditions names {', '.join(unknown)}; {problem.name} has {', '.join(names) or 'none'}"
            )
        self.problem = problem
        self._interior = interior
        self._counts = {name: counts.get(name, DEFAULT_CONDITION_POINTS) for name in names}
        self._resample_every, self._adaptive, self._seed = resample_every, adaptive, seed
        self._dtype, self._device = dtype, device
        self._points: dict[str, Tensor] = {}
        self._draw = -1
        self._truth = problem.truth(device=device)
        self._plans = self._plan_derivatives()

    def _plan_derivatives(self) -> dict[str, JetPlan]:
        """How each residual's derivatives are taken, by the names of `batch`."""
        problem = self.problem
        points = {"interior": problem.domain.sample(2, torch.Generator(), torch.float64)}
        probes: dict[str, Callable[[Evaluate], object]] = {
            "interior": lambda evaluate: problem.pde.residual(*evaluate(points["interior"]))
        }
        for condition in problem.conditions:
            points[condition.name] = condition.sample(problem.domain, 2, torch.Generator(), torch.float64)
            probes[condition.name] = partial(condition.residual, points[condition.name], problem.domain)
        plans = {name: plan_derivatives(problem.pde, probe, problem.inputs) for name, probe in probes.items()}
        for name, plan in plans.items():
            if plan.indices is None:
                _LOG.info(
                    "%s, %s: derivatives by automatic differentiation: %s", problem.name, name, plan.reason
                )
        return plans

    def batch(self, step: int, model: nn.Module) -> dict[str, Tensor]:
        """Points by name: "interior" and one entry a condition, each (n, d)."""
        draw = step // self._resample_every if self._resample_every else 0
        if draw != self._draw:
            self._points, self._draw = self._sample(draw, model), draw
        return self._points

    def _sample(self, draw: int, model: nn.Module) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + draw)
        domain = self.problem.domain
        n_adaptive = round(self._adaptive * self._interior) if draw else 0
        interior = domain.sample(self._interior - n_adaptive, generator, self._dtype)
        if n_adaptive:
            candidates = domain.sample(_CANDIDATES * n_adaptive, generator, self._dtype).to(self._device)
            residuals = point_residual(self.problem.pde, model, candidates, self.problem.inputs)
            size = torch.stack([r.detach().abs() for r in residuals.values()]).norm(dim=0).cpu()
            chosen = torch.multinomial((size / size.mean() + 1).double(), n_adaptive, generator=generator)
            interior = torch.cat([interior, candidates.cpu()[chosen]])
        points = {"interior": interior}
        for condition in self.problem.conditions:
            points[condition.name] = condition.sample(
                domain, self._counts[condition.name], generator, self._dtype
            )
        return {name: value.to(self._device) for name, value in points.items()}

    def residuals(
        self,
        model: nn.Module,
        batch: Mapping[str, Tensor],
        tapes: dict[str, list[Record]] | None = None,
    ) -> dict[str, Tensor]:
        """Every residual at its points, (n,) each: the equation's by their names, then the conditions'.

        ``tapes`` receives, by the same names, where parameters entered each.
        """
        problem = self.problem

        def evaluate_for(name: str, tape: list[Record]) -> Evaluate:
            plan = self._plans[name]
            # up to second order, automatic differentiation costs less than a jet; only the Jacobian needs the jet then
            use_jet = tapes is not None or plan.order > 2
            return lambda points: point_state(
                problem.pde, model, points, problem.inputs, plan if use_jet else None, tape
            )

        tape: list[Record] = []
        with torch.enable_grad():
            residuals = problem.pde.named_residual(*evaluate_for("interior", tape)(batch["interior"]))
            used = dict.fromkeys(residuals, tape)
            for condition in problem.conditions:
                used[condition.name] = []
                evaluate = evaluate_for(condition.name, used[condition.name])
                residuals[condition.name] = condition.residual(
                    batch[condition.name], problem.domain, evaluate
                )
        if tapes is not None:
            tapes |= used
        return residuals

    def least_squares(
        self, model: nn.Module, batch: Mapping[str, Tensor], parameters: Sequence[Tensor], *, jacobian: bool
    ) -> dict[str, tuple[Tensor, Tensor | None]]:
        tapes: dict[str, list[Record]] = {}
        found: dict[str, tuple[Tensor, Tensor | None]] = {}
        for name, r in self.residuals(model, batch, tapes).items():
            scale = len(r) ** -0.5
            rows = scale * residual_jacobian(r, tapes[name], parameters) if jacobian else None
            found[name] = (scale * r.detach(), rows)
        return found

    def losses(self, model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: r.square().mean() for name, r in self.residuals(model, batch).items()}

    def parameters(self) -> dict[str, nn.Parameter]:
        return self.problem.pde.parameters()

    def state_dict(self) -> dict[str, Any]:
        return {"draw": self._draw, "points": self._points}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._draw, self._points = state["draw"], dict(state["points"])

    def _on_test_grid(self, model: nn.Module) -> tuple[Tensor, Tensor | None]:
        """Prediction and truth on the test grid, each (compared fields, *grid) in float64."""
        grid = self.problem.test_grid
        assert grid is not None
        points = torch.stack([x.reshape(-1) for x in grid.mesh(device=self._device)], 1)
        with torch.no_grad():
            prediction = model(points.to(self._dtype)).double()
        rows = [self.problem.pde.fields.index(name) for name in self.problem.compared]
        truth = None if self._truth is None else self._truth[rows]
        return prediction.T.reshape(-1, *grid.shape)[rows], truth

    def validate(self, model: nn.Module) -> dict[str, float]:
        if self.problem.test_grid is None:
            return {}
        prediction, truth = self._on_test_grid(model)
        return {} if truth is None else {"rel_l2": float(relative_l2(prediction[None], truth[None]))}

    def evaluate(self, model: nn.Module) -> Evaluation:
        problem, grid = self.problem, self.problem.test_grid
        if grid is None:
            return Evaluation({"rel_l2": None, "rel_l2_why": "the problem has no test grid"})
        prediction, truth = self._on_test_grid(model)
        metrics: dict[str, Any] = {"rel_l2": None, "rel_l2_why": "the problem has no reference solution"}
        lines = []
        if truth is not None:
            metrics = {"rel_l2": float(relative_l2(prediction[None], truth[None]))}
            metrics["rel_l2_by_field"] = {
                name: float(relative_l2(p[None, None], q[None, None]))
                for name, p, q in zip(problem.compared, prediction, truth, strict=True)
            }
            metrics["max_error"] = float((prediction - truth).abs().max())
            metrics["test_points"] = list(grid.shape)
            lines = [
                f"{problem.name}: relative L2 error {metrics['rel_l2']:.3e} on {' x '.join(map(str, grid.shape))} points "
                f"({problem.source})"
            ]
        if self.parameters():
            metrics["parameters"] = {name: p.detach().tolist() for name, p in self.parameters().items()}
        return Evaluation(metrics, self._figures(prediction, truth), "\n".join(lines))

    def _figures(self, prediction: Tensor, truth: Tensor | None) -> list[tuple[str, Any, str]]:
        grid = self.problem.test_grid
        assert grid is not None
        figures = []
        for index, name in enumerate(self.problem.compared):
            p, q = prediction[index].cpu().numpy(), None if truth is None else truth[index].cpu().numpy()
            if len(grid) == 2 and grid.names[-1] == "t":
                x, t = (axis.points().numpy() for axis in grid)
                figure = plot_spacetime(x, t, p, q, field=name)
                figures.append(
                    (f"{name}.png", figure, f"{name} over space and time: prediction, reference and error.")
                )
            elif q is not None and len(grid) <= 3:
                figure = plot_comparison(None, p[None], q[None], grid, names=("", name))
                figures.append((f"{name}.png", figure, f"{name}: prediction, reference and error."))
        return figures
