from dataclasses import replace

import pytest
import torch
from torch import nn

from operators import MLP
from pdes import (
    AllenCahn,
    Burgers,
    Darcy,
    Heat,
    Helmholtz,
    IncompressibleNavierStokes,
    KleinGordon,
    KuramotoSivashinsky,
    NavierStokes,
    Poisson,
    Schroedinger,
    Wave,
)
from pdes.collapse import collapse
from pdes.derivatives.multi_index import Combination
from pdes.residual import plan_derivatives, point_residual

# derivatives that go through the network, value included, before and after
CASES = {
    "burgers": (Burgers(0.1), 4, 3),
    "kuramoto-sivashinsky": (KuramotoSivashinsky(0.5, 0.3, 0.2), 6, 5),
    "heat 5-D": (Heat(0.2, dimensions=5), 12, 7),
    "wave 2-D": (Wave(2.0, dimensions=2), 7, 5),
    "poisson 5-D": (Poisson(5), 11, 7),
    "helmholtz": (Helmholtz(2.0), 5, 4),
    "incompressible, steady": (IncompressibleNavierStokes(0.025, steady=True), 5, 4),
    "incompressible 3-D": (IncompressibleNavierStokes(0.025, dimensions=3), 8, 5),
    "navier-stokes": (NavierStokes(0.1), 6, 5),
    "allen-cahn": (AllenCahn(0.1), 4, 3),
    "klein-gordon": (KleinGordon(2.0), 5, 4),
    "schroedinger": (Schroedinger(), 4, 4),
    "learned viscosity": (Burgers(nn.Parameter(torch.tensor(0.1, dtype=torch.float64))), 4, 4),
}


class InTheMiddle(Burgers):
    """A viscosity that differs where |x - 1/2| < 1/8, and a slope that acts where u is negative only."""

    def residual(self, s, d):
        inside = (s.x - 0.5).abs() < 0.125
        return {
            "r": d(s.u, "t")
            - torch.where(inside, 2.0, 1.0) * d(s.u, "xx")
            + torch.where(s.u < 0, 1.0, 0.0) * d(s.u, "x")
        }


def plans(pde, points):
    inputs = {name: (lambda z: torch.sin(z).sum(1)) for name in pde.inputs}
    plan = plan_derivatives(pde, lambda evaluate: pde.residual(*evaluate(points)), inputs)
    return plan, collapse(pde, plan, points, inputs), inputs


@pytest.mark.parametrize("name", CASES)
def test_fewer_derivatives_give_the_same_residuals_and_gradients(name):
    pde, before, after = CASES[name]
    points = torch.rand(30, len(pde.coords), dtype=torch.float64)
    plain, collapsed, inputs = plans(pde, points)
    assert (len(plain.indices), len(collapsed.indices)) == (before, after)
    torch.manual_seed(0)
    network = MLP(len(pde.coords), len(pde.fields), width=7, depth=2).double()
    parameters = [*network.parameters(), *pde.parameters().values()]
    expected, found = (point_residual(pde, network, points, inputs, plan) for plan in (None, collapsed))
    for key, r in expected.items():
        torch.testing.assert_close(found[key], r, rtol=1e-10, atol=1e-10)
        gradients = (
            torch.autograd.grad(
                (q**2).sum(), parameters, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            for q in (found[key], r)
        )
        for ours, theirs in zip(*gradients, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_what_is_not_constant_is_carried_by_itself():
    points = torch.rand(200, 2, dtype=torch.float64)
    plain, collapsed, _ = plans(InTheMiddle(), points)
    assert collapsed == replace(plain, anywhere=False)
    # where there is one viscosity there is one combination; the slope is not in it
    _, outside, _ = plans(InTheMiddle(), points * torch.tensor([0.3, 1.0]))
    assert outside.stand_ins == {(1,): Combination(((1.0, (1,)), (-1.0, (0, 0)))), (0, 0): None}
    assert not outside.anywhere


@pytest.mark.parametrize(
    ("pde", "anywhere"), [(Burgers(0.1), True), (Poisson(), False), (Schroedinger(), True)]
)
def test_a_plan_holds_anywhere_where_the_residual_looks_at_no_points(pde, anywhere):
    _, collapsed, _ = plans(pde, torch.rand(20, len(pde.coords), dtype=torch.float64))
    assert collapsed.anywhere == anywhere


def test_a_derivative_of_an_expression_stays_with_automatic_differentiation():
    plain, collapsed, _ = plans(Darcy(), torch.rand(5, 2, dtype=torch.float64))
    assert plain is collapsed
    assert collapsed.indices is None
