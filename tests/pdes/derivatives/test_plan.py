import pytest
import torch

from operators import MLP
from pdes import Burgers, Darcy, Heat, NavierStokes, Periodic, Poisson, point_residual
from pdes.conditions import Condition
from pdes.geometry import Interval, TimeDomain
from pdes.residual import plan_derivatives, point_state

EQUATIONS = [Burgers(0.1), Heat(), Heat(dimensions=2), NavierStokes(0.1), Poisson(1), Poisson(3), Poisson(5)]


def plan_of(pde, inputs):
    points = torch.rand(4, len(pde.coords), dtype=torch.float64)
    return plan_derivatives(pde, lambda evaluate: pde.residual(*evaluate(points)), inputs)


@pytest.mark.parametrize("pde", EQUATIONS, ids=lambda pde: f"{type(pde).__name__}-{len(pde.coords)}")
def test_jets_and_automatic_differentiation_agree(pde):
    torch.manual_seed(0)
    inputs = {name: (lambda z: torch.sin(z).sum(1)) for name in pde.inputs}
    plan = plan_of(pde, inputs)
    assert plan.indices is not None
    network = MLP(len(pde.coords), len(pde.fields), width=9, depth=3).double()
    points = torch.rand(16, len(pde.coords), dtype=torch.float64)
    by_jet, by_autograd = (point_residual(pde, network, points, inputs, p) for p in (plan, None))
    for name, expected in by_autograd.items():
        torch.testing.assert_close(by_jet[name], expected, rtol=1e-10, atol=1e-10)
        for ours, theirs in zip(
            *(
                torch.autograd.grad(
                    r[name].square().sum(),
                    network.parameters(),
                    retain_graph=True,
                    allow_unused=True,
                    materialize_grads=True,
                )
                for r in (by_jet, by_autograd)
            ),
            strict=True,
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_only_what_is_asked_for_is_carried():
    assert plan_of(Burgers(), {}).indices == ((), (0,), (1,), (0, 0))


def test_a_derivative_of_an_expression_is_left_to_automatic_differentiation():
    plan = plan_of(Darcy(), {"a": lambda z: torch.exp(z[:, 0])})
    assert plan.indices is None
    assert "differentiates an expression" in plan.reason


def test_too_high_an_order_is_left_to_automatic_differentiation():
    class Fifth(Burgers):
        def residual(self, s, d):
            return {"r": d(d(s.u, "xxx"), "xx")}

    assert "order 5" in plan_of(Fifth(), {}).reason


def test_nested_derivatives_of_a_field_are_one_derivative():
    class Nested(Burgers):
        def residual(self, s, d):
            return {"r": d(d(s.u, "t"), "x")}

    assert plan_of(Nested(), {}).indices == ((), (0,), (1,), (0, 1))


def test_a_condition_is_planned_like_an_equation():
    domain = Interval(0, 1) * TimeDomain(0, 1)
    condition: Condition = Periodic("u", order=1)
    points = condition.sample(domain, 4, torch.Generator().manual_seed(0), torch.float64)
    plan = plan_derivatives(Burgers(), lambda evaluate: condition.residual(points, domain, evaluate), {})
    assert plan.indices == ((), (0,))
    network = MLP(2, 1, width=9).double()
    found = condition.residual(points, domain, lambda z: point_state(Burgers(), network, z, plan=plan))
    expected = condition.residual(points, domain, lambda z: point_state(Burgers(), network, z))
    torch.testing.assert_close(found, expected)
