"""The public contract test that every equation passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pdes.derivatives.grid import Method
from pdes.grid import Axis, Grid
from pdes.jet_pass import PointInput
from pdes.pde import PDE
from pdes.residual import grid_residual, plan_derivatives, point_residual

_MAX_POINTS = 300_000


def _smooth_fields(
    names: tuple[str, ...], n_coords: int, generator: torch.Generator
) -> Callable[[Tensor], Tensor]:
    """A function of points (n, d) to (n, k) whose values are smooth, positive and 1-periodic in every coordinate."""
    amplitude = 0.2 + 0.2 * torch.rand(len(names), n_coords, generator=generator, dtype=torch.float64)
    phase = 2 * math.pi * torch.rand(len(names), n_coords, generator=generator, dtype=torch.float64)

    def fields(points: Tensor) -> Tensor:
        waves = amplitude * torch.sin(2 * math.pi * points[:, None, :] + phase)
        return torch.exp(torch.sum(waves, -1))

    return fields


def _sizes(pde: PDE, base: tuple[int, int]) -> tuple[int, int]:
    """Two grid sizes n and 2n, as large as memory allows for an equation of many coordinates."""
    limit = int(_MAX_POINTS ** (1 / len(pde.coords)))
    fine = min(base[1], limit - limit % 2)
    return fine // 2, fine


def check_pde(
    pde: PDE,
    *,
    solution: Callable[[Tensor], Tensor] | None = None,
    inputs: Mapping[str, PointInput] | None = None,
    points: Tensor | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Check that one residual gives one answer by every method, and vanishes on a known solution.

    On smooth periodic fields the residual by automatic differentiation is compared with the spectral one
    (which must agree to 1e-6 of its size where memory allows 32 points an axis, and converge everywhere),
    with that by jets (to 1e-10 of its size) where these can give its derivatives, and with stencils of order 2 and 4, walls included, whose error must fall with the stated order.

    Parameters
    ----------
    solution : an exact solution, points (n, d) to fields (n, k) in torch; its residual must be below 1e-8 of the
        size of its largest term
    inputs : the input fields that go with the solution
    points : where the solution is tested, (n, d); by default 64 points of the unit box

    Returns
    -------
    The measured figures by name: "jet" and "spectral" (relative differences), "order 2", "order 4", "solution".

    Raises AssertionError that names the equation, the method and the figure.
    """
    name = type(pde).__name__
    generator = torch.Generator().manual_seed(seed)
    smooth = _smooth_fields((*pde.fields, *pde.inputs), len(pde.coords), generator)
    n_fields = len(pde.fields)

    def network(z: Tensor) -> Tensor:
        return smooth(z)[:, :n_fields]

    def input_function(column: int) -> Callable[[Tensor], Tensor]:
        return lambda z: smooth(z)[:, column]

    smooth_inputs = {key: input_function(n_fields + i) for i, key in enumerate(pde.inputs)}

    def compare(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
        """Largest relative difference of the residuals."""
        if found.keys() != expected.keys():
            raise AssertionError(
                f"{name}: the names of the residuals depend on the method: {set(found) ^ set(expected)}"
            )
        # the mean square, since the worst point of a coarse grid moves between refinements
        sizes = {key: r.detach().square().mean().sqrt() for key, r in expected.items()}
        errors = {key: (found[key].reshape(-1) - r).detach() for key, r in expected.items()}
        return max(float(errors[key].square().mean().sqrt() / size) for key, size in sizes.items())

    def difference(n: int, method: Method, accuracy: int) -> float:
        """Largest difference between the grid's residual and autograd's, relative to the residual's size."""
        periodic = method == "spectral"
        grid = Grid(
            Axis(c, n, 0.0, 1.0, "half-open" if periodic else "vertices", periodic) for c in pde.coords
        )
        z = torch.stack([x.reshape(-1) for x in grid.mesh()], 1)
        values = smooth(z).T.reshape(-1, *grid.shape)
        on_grid = grid_residual(
            pde,
            grid,
            dict(zip(pde.fields, values, strict=False)),
            dict(zip(pde.inputs, values[n_fields:], strict=True)),
            method=method,
            accuracy=accuracy,
        )
        return compare(on_grid, point_residual(pde, network, z, smooth_inputs))

    figures: dict[str, float] = {}
    few = torch.rand(64, len(pde.coords), generator=generator, dtype=torch.float64)
    plan = plan_derivatives(pde, lambda evaluate: pde.residual(*evaluate(few)), smooth_inputs)
    if plan.indices is not None:
        by_jet, by_autograd = (point_residual(pde, network, few, smooth_inputs, p) for p in (plan, None))
        figures["jet"] = compare(by_jet, by_autograd)
        if not figures["jet"] < 1e-10:
            raise AssertionError(
                f"{name}: the residual by jets differs from autograd's by {figures['jet']:.2e}"
            )
    coarse, fine = _sizes(pde, (24, 48))
    figures["spectral"] = difference(fine, "spectral", 2)
    previous = difference(coarse, "spectral", 2)
    if not (figures["spectral"] < 1e-6 or (fine < 32 and figures["spectral"] < 0.1 * previous)):
        raise AssertionError(
            f"{name}: the spectral residual differs from autograd's by {figures['spectral']:.2e} on {fine} points an axis"
        )
    for accuracy in (2, 4):
        coarse, fine = _sizes(pde, (48, 96))
        order = math.log2(difference(coarse, "stencil", accuracy) / difference(fine, "stencil", accuracy))
        figures[f"order {accuracy}"] = order
        if order < accuracy - (0.4 if fine == 96 else 1.0):
            raise AssertionError(
                f"{name}: stencils of order {accuracy} converge with order {order:.2f} ({coarse} to {fine} points an axis)"
            )
    if solution is not None:
        if points is None:
            points = torch.rand(64, len(pde.coords), generator=generator, dtype=torch.float64)
        residuals = point_residual(pde, solution, points.to(torch.float64), inputs)
        figures["solution"] = max(float(r.detach().abs().max()) for r in residuals.values())
        if not figures["solution"] < 1e-8:
            raise AssertionError(
                f"{name}: the residual of the given solution is {figures['solution']:.2e}, expected 0 (1e-8)"
            )
    return figures
