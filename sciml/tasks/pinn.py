"""A problem as a task: residuals of the equation and its conditions at points."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pdes import Grid, Problem, SobolevTransform
from pdes.derivatives.tape import Record
from pdes.problem_residuals import ProblemResiduals
from sciml.evaluate import relative_l2
from sciml.optim.jacobian import batched_jacobian, residual_jacobian
from sciml.optim.sketch import RowSketch
from sciml.plots import plot_comparison, plot_spacetime
from sciml.tasks.points import CollocationPoints
from sciml.tasks.task import Evaluation, Task

_PART = 64
"""Points that are differentiated at once where each residual takes a backward pass."""


class PinnTask(Task):
    """Mean squared residuals of a `pdes.Problem`, one loss for each equation and condition.

    Parameters
    ----------
    grid : points of the equation, see `pdes.Problem.collocation_grid`; by default they are drawn
    sobolev_order : s of the norm in which the residuals of the equation are measured, Hˢ; it needs a grid unless it is 0.
        See `pdes.SobolevTransform`
    seed, dtype, device : of the points
    points : further arguments of `CollocationPoints`

    Raises ValueError where the points are for a condition that the problem does not have, and for a ``sobolev_order``
    without a ``grid``.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        grid: Grid | None = None,
        sobolev_order: float = 0.0,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        **points: Any,
    ) -> None:
        if grid is None and sobolev_order:
            raise ValueError("points.sobolev_order needs points on a grid; set points.grid")
        self.problem = problem
        self._points = CollocationPoints(problem, grid=grid, seed=seed, dtype=dtype, device=device, **points)
        self._sobolev = SobolevTransform(grid, sobolev_order) if grid is not None and sobolev_order else None
        self._dtype, self._device = dtype, device
        self._truth = problem.truth(device=device)
        self._residuals = ProblemResiduals(problem)
        self._parts: dict[frozenset[str], ProblemResiduals] = {}

    def batch(self, step: int, model: nn.Module) -> dict[str, Tensor]:
        """Points by name: "interior" and one entry a condition, each (n, d)."""
        return self._points.at(step, partial(self._residual_size, model), self.progress)

    def largest_batch(self, model: nn.Module) -> dict[str, Tensor]:
        return self._points.largest()

    def _residual_size(self, model: nn.Module, points: Tensor) -> Tensor:
        """|r| over the equations at points (n, d), (n,)."""
        with torch.no_grad():
            residuals = self._residuals.equation(model, points)
        return torch.stack([r.detach() for r in residuals.values()]).norm(dim=0)

    def residuals(self, model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every residual at its points, (n,) each: the equation's by their names, then the conditions'."""
        return self._residuals(model, batch)

    def least_squares(
        self,
        model: nn.Module,
        batch: Mapping[str, Tensor],
        parameters: Sequence[Tensor],
        *,
        jacobian: bool | RowSketch,
    ) -> dict[str, tuple[Tensor, Tensor | None]]:
        by_jets = self._residuals.use_jets(model, batch)
        tapes: dict[str, list[Record]] = {}
        if jacobian and not by_jets:
            found = self._batched_rows(model, batch, parameters)
        else:
            with torch.set_grad_enabled(bool(jacobian)):
                residuals = self._residuals(model, batch, tapes=tapes)
            found = {name: (r, None) for name, r in residuals.items()}
        # a Sobolev norm needs whole rows, on their grid
        by_layers = by_jets and self._sobolev is None
        result: dict[str, tuple[Tensor, Tensor | None]] = {}
        start = 0
        for name, (r, rows) in found.items():
            scale = len(r) ** -0.5
            sketch = jacobian.part(start, start + len(r)) if isinstance(jacobian, RowSketch) else None
            start += len(r)
            if jacobian and by_jets:
                rows = residual_jacobian(r, tapes[name], parameters, sketch if by_layers else None)
            if rows is not None and not by_layers:
                rows = self._measured(name, rows)
                rows = rows if sketch is None else sketch(rows)
            result[name] = (
                scale * self._measured(name, r.detach()),
                None if rows is None else rows.mul_(scale),
            )
        return result

    def _batched_rows(
        self, model: nn.Module, batch: Mapping[str, Tensor], parameters: Sequence[Tensor]
    ) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Residuals and Jacobians of a model that jets do not go through."""
        sizes = [len(points) for points in batch.values()]
        # a residual takes a backward pass over all points of its part
        parts = min(-(-max(sizes) // _PART), *sizes)
        found: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for part in range(parts):
            some = {name: points.tensor_split(parts)[part] for name, points in batch.items()}
            for name, r in self._residuals(model, some, jets=False).items():
                found.setdefault(name, []).append((r.detach(), batched_jacobian(r, parameters)))
        return {
            name: (torch.cat([r for r, _ in pieces]), torch.cat([rows for _, rows in pieces]))
            for name, pieces in found.items()
        }

    def losses(self, model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self._mean_squares(self._residuals(model, batch))

    def losses_of(
        self, model: nn.Module, batch: Mapping[str, Tensor], names: Collection[str] | None
    ) -> dict[str, Tensor]:
        if names is None:
            return self.losses(model, batch)
        part = frozenset(names)
        if part not in self._parts:
            self._parts[part] = self._residuals.part(part)
        found = self._mean_squares(self._parts[part](model, batch))
        return {name: found[name] for name in names}

    def _mean_squares(self, residuals: Mapping[str, Tensor]) -> dict[str, Tensor]:
        measured = {name: self._measured(name, r) for name, r in residuals.items()}
        # as a dot product the mean square has the cheaper backward pass
        return {name: r @ r / len(r) for name, r in measured.items()}

    def layout(self, batch: Mapping[str, Tensor]) -> Hashable:
        return self._residuals.layout(batch)

    def _measured(self, name: str, values: Tensor) -> Tensor:
        """Residuals (n,) or rows of their Jacobian (n, P), transformed so that a mean of squares is the norm asked for."""
        if self._sobolev is None or any(name == c.name for c in self.problem.conditions):
            return values
        on_grid = values.movedim(0, -1).unflatten(-1, self._sobolev.grid.shape)
        return self._sobolev(on_grid).flatten(-len(self._sobolev.grid)).movedim(-1, 0)

    def parameters(self) -> dict[str, nn.Parameter]:
        return self.problem.pde.parameters()

    def state_dict(self) -> dict[str, Any]:
        return self._points.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._points.load_state_dict(state)

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
            elif q is not None:
                figure = plot_comparison(None, p[None], q[None], grid, names=("", name))
                figures.append((f"{name}.png", figure, f"{name}: prediction, reference and error."))
        return figures
