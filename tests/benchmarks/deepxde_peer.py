"""A problem of ours as a DeepXDE model, on the same points and with the same network: the peer of the benchmarks."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from pdes import Problem, State
from pdes.derivatives.plan import FieldDerivatives
from sciml.tasks import PinnTask

os.environ.setdefault("DDE_BACKEND", "pytorch")
import deepxde as dde

ITERATIONS_A_LOOK = 50
"""L-BFGS iterations between two looks at the clock."""


@contextmanager
def double_precision() -> Iterator[None]:
    """DeepXDE in float64; it changes the default of torch as well, which is put back."""
    dde.config.set_default_float("float64")
    try:
        yield
    finally:
        dde.config.set_default_float("float32")


def burgers_shock_data() -> dde.data.TimePDE:
    """DeepXDE's own set-up of the Burgers shock."""
    domain = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))

    def residual(z: Tensor, u: Tensor) -> Tensor:
        u_x, u_t = (dde.grad.jacobian(u, z, i=0, j=j) for j in (0, 1))
        return u_t + u * u_x - 0.01 / math.pi * dde.grad.hessian(u, z, i=0, j=0)

    conditions = [
        dde.icbc.DirichletBC(domain, lambda _: 0, lambda _, on: on),
        dde.icbc.IC(domain, lambda z: -np.sin(np.pi * z[:, 0:1]), lambda _, on: on),
    ]
    return dde.data.TimePDE(domain, residual, conditions, num_domain=2540, num_boundary=80, num_initial=160)


class DeepXDEDerivatives:
    """``d`` by dde.grad, of the fields at rows [begin, end) of DeepXDE's inputs and outputs."""

    def __init__(
        self, coords: tuple[str, ...], inputs: Tensor, outputs: Tensor, rows: slice, fields: list[Tensor]
    ) -> None:
        self._inputs, self._outputs, self._rows = inputs, outputs, rows
        self._fields = FieldDerivatives(coords, fields)

    def __call__(self, expression: Tensor, axes: str | tuple[str, ...]) -> Tensor:
        found = self._fields.locate(expression, axes)
        assert found is not None, "DeepXDE differentiates outputs; the benchmarks ask for no more"
        field, index = found
        if len(index) == 1:
            derivative = dde.grad.jacobian(self._outputs, self._inputs, i=field, j=index[0])
        else:
            derivative = dde.grad.hessian(
                self._outputs, self._inputs, component=field, i=index[0], j=index[1]
            )
        for k in index[2:]:
            derivative = dde.grad.jacobian(derivative, self._inputs, i=0, j=k)
        return self._fields.remember(derivative[self._rows, 0], field, index)


def _state(
    problem: Problem, inputs: Tensor, outputs: Tensor, rows: slice
) -> tuple[State, DeepXDEDerivatives]:
    pde = problem.pde
    points = inputs[rows]
    fields = list(outputs[rows].unbind(1))
    values = dict(zip(pde.coords, points.unbind(1), strict=True))
    values |= dict(zip(pde.fields, fields, strict=True))
    for name in pde.inputs:
        given = problem.inputs[name]
        values[name] = given(points) if callable(given) else torch.full_like(points[:, 0], given)
    return State(values), DeepXDEDerivatives(pde.coords, inputs, outputs, rows, fields)


class _Condition:
    """One of our conditions in the place of a DeepXDE boundary condition: its points, and its residual there."""

    def __init__(self, problem: Problem, name: str, points: Tensor) -> None:
        self._problem, self._points = problem, points
        (self._condition,) = (c for c in problem.conditions if c.name == name)
        self._looks: list[Tensor] = []

        def record(z: Tensor) -> tuple[State, DeepXDEDerivatives]:
            self._looks.append(z)
            z = z.clone().requires_grad_()
            flat = (z.sum(1, keepdim=True) * z.new_ones(len(problem.pde.fields))).sin()
            dde.grad.clear()
            return _state(problem, z, flat, slice(None))

        # a periodic condition looks at two sets of points
        self._condition.residual(points, problem.domain, record)

    def collocation_points(self, _: object) -> object:
        return torch.cat(self._looks).numpy()

    def error(self, _: object, inputs: Tensor, outputs: Tensor, begin: int, end: int) -> Tensor:
        start = begin
        looks = iter(self._looks)

        def evaluate(_: Tensor) -> tuple[State, DeepXDEDerivatives]:
            nonlocal start
            rows = slice(start, start + len(next(looks)))
            start = rows.stop
            return _state(self._problem, inputs, outputs, rows)

        residual = self._condition.residual(self._points, self._problem.domain, evaluate)
        assert start == end
        return residual[:, None]


class _Network(dde.nn.NN):
    """A network of ours in the place of one of DeepXDE's."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, points: Tensor) -> Tensor:
        return self.network(points)


class _Stop(dde.callbacks.Callback):
    """Ends the training at a time of `time.perf_counter`."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def on_epoch_end(self) -> None:
        if time.perf_counter() >= self._deadline:
            self.model.stop_training = True


def deepxde_model(problem: Problem, network: nn.Module, points: dict[str, Tensor]) -> dde.Model:
    """A DeepXDE model of a problem, for use in `double_precision`.

    Parameters
    ----------
    network : in float64
    points : of the equation ("interior") and each condition, as `PinnTask.batch` gives them, float64
    """
    dimensions = len(problem.pde.coords)
    lower, upper = list(problem.domain.lower), list(problem.domain.upper)
    box = (
        dde.geometry.Interval(lower[0], upper[0]) if dimensions == 1 else dde.geometry.Hypercube(lower, upper)
    )

    def residuals(inputs: Tensor, outputs: Tensor) -> list[Tensor]:
        found = problem.pde.residual(*_state(problem, inputs, outputs, slice(None)))
        return [residual[:, None] for residual in found.values()]

    data = dde.data.PDE(
        box,
        residuals,
        [_Condition(problem, c.name, points[c.name]) for c in problem.conditions],
        num_domain=0,
        anchors=points["interior"].numpy(),
    )
    return dde.Model(data, _Network(network))


def train_deepxde(
    problem: Problem,
    network: nn.Module,
    points: dict[str, Tensor],
    seconds: float,
    *,
    adam_share: float = 0.3,
    lr: float = 1e-3,
    log: Callable[[str], None] = print,
) -> float:
    """Adam for a share of the time, then L-BFGS, started anew whenever it stops; the relative L2 error.

    The error is that of `PinnTask.validate`, on the problem's test grid.
    """
    measure = PinnTask(problem, interior=1, dtype=torch.float64)
    quiet = {"display_every": 10**9, "verbose": 0}
    with double_precision():
        model = deepxde_model(problem, network, points)
        start = time.perf_counter()
        model.compile("adam", lr=lr, verbose=0)
        model.train(iterations=10**9, callbacks=[_Stop(start + adam_share * seconds)], **quiet)
        steps = model.train_state.step
        log(f"DeepXDE, {problem.name}: Adam {steps} steps, {measure.validate(network)['rel_l2']:.2e}")
        # no tolerance ends it early; where its line search gives up, it starts anew
        dde.optimizers.set_LBFGS_options(gtol=0, ftol=0, maxiter=10**9)
        dde.optimizers.LBFGS_options["iter_per_step"] = ITERATIONS_A_LOOK
        before = -1
        while time.perf_counter() < start + seconds and model.train_state.step > before:
            before = model.train_state.step
            model.compile("L-BFGS", verbose=0)
            model.train(callbacks=[_Stop(start + seconds)], **quiet)
    error = measure.validate(network)["rel_l2"]
    log(
        f"DeepXDE, {problem.name}: L-BFGS {model.train_state.step - steps} iterations, {error:.2e} "
        f"after {time.perf_counter() - start:.0f} s"
    )
    return error
