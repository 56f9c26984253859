import logging
from dataclasses import replace

import pytest
import torch
from torch import nn

import pdes.benchmarks
from operators import MLP
from pdes import Burgers, Darcy, Dirichlet, Initial, Problem, Rectangle
from pdes.benchmarks import burgers_shock, kuramoto_sivashinsky
from pdes.problem_residuals import ProblemResiduals
from pdes.residual import point_residual

BENCHMARKS = [name for name in pdes.benchmarks.__all__ if name != "cole_hopf"]


def problem_of(name):
    return replace(getattr(pdes.benchmarks, name)(), reference=None)


def network_of(problem):
    torch.manual_seed(0)
    pde, domain = problem.pde, problem.domain
    bounds = {"lower": domain.lower, "upper": domain.upper}
    return MLP(len(pde.coords), len(pde.fields), width=7, depth=2, **bounds).double()


def batch_of(problem, n=12):
    generator = torch.Generator().manual_seed(0)
    points = {"interior": problem.domain.sample(n, generator, torch.float64)}
    return points | {
        c.name: c.sample(problem.domain, n // 2, generator, torch.float64) for c in problem.conditions
    }


def by_automatic_differentiation(problem, network, batch):
    found = point_residual(problem.pde, network, batch["interior"], problem.inputs)
    for condition in problem.conditions:
        found[condition.name] = condition.residual(
            batch[condition.name], problem.domain, problem.evaluate(network)
        )
    return found


@pytest.mark.parametrize("name", BENCHMARKS)
def test_residuals_and_gradients_of_every_benchmark(name):
    problem = problem_of(name)
    network, batch = network_of(problem), batch_of(problem)
    residuals = ProblemResiduals(problem)
    assert residuals.use_jets(network, batch)
    expected = by_automatic_differentiation(problem, network, batch)
    for tapes in (None, {}):
        found = residuals(network, batch, tapes=tapes)
        assert found.keys() == expected.keys()
        for key, r in expected.items():
            torch.testing.assert_close(found[key], r, rtol=1e-10, atol=1e-10)
        ours, theirs = (
            torch.autograd.grad(
                sum((r**2).sum() for r in q.values()), network.parameters(), retain_graph=True
            )
            for q in (found, expected)
        )
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


class Clipped(nn.Module):
    """What jets do not know: reshaping by a method."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1, dtype=torch.float64)

    def forward(self, z):
        return torch.tanh(self.layer(z)).view(-1, 1)


def test_a_network_that_jets_do_not_know_is_left_to_automatic_differentiation(caplog):
    problem, network = burgers_shock(), Clipped()
    batch = batch_of(problem)
    residuals = ProblemResiduals(problem)
    with caplog.at_level(logging.INFO):
        found = residuals(network, batch)
        residuals(network, batch)
    (record,) = caplog.records
    assert "burgers_shock, network: derivatives by automatic differentiation" in record.message
    assert "view" in record.message
    assert not residuals.use_jets(network, batch)
    for key, r in by_automatic_differentiation(problem, network, batch).items():
        torch.testing.assert_close(found[key], r)


def test_an_equation_that_jets_cannot_serve_beside_conditions_that_they_can(caplog):
    problem = Problem(
        "darcy", Darcy(), Rectangle((0, 0), (1, 1)), (Dirichlet("u"),), inputs={"a": lambda z: z[:, 0] + 2}
    )
    network, batch = network_of(problem), batch_of(problem)
    with caplog.at_level(logging.INFO):
        residuals = ProblemResiduals(problem)
    assert "darcy, interior: derivatives by automatic differentiation" in caplog.text
    assert not residuals.use_jets(network, batch)
    for key, r in by_automatic_differentiation(problem, network, batch).items():
        torch.testing.assert_close(residuals(network, batch)[key], r)


def test_conditions_share_a_pass_where_that_is_cheaper():
    problem = kuramoto_sivashinsky()
    residuals = ProblemResiduals(problem)
    residuals(network_of(problem), batch_of(problem))
    assert len(residuals._grouped(shared=True)) == 1
    # the interior, the initial values, and both ends for each periodic condition
    assert len(residuals._grouped(shared=False)) == 10


def test_a_costly_condition_has_a_pass_of_its_own():
    """u_tt at a few initial points must not be carried through the interior, which does without u_t by itself."""
    problem = replace(burgers_shock(), conditions=(Dirichlet("u"), Initial("u", order=2)))
    residuals = ProblemResiduals(problem)
    residuals(network_of(problem), batch_of(problem, 2000))
    assert [members for members, _ in residuals._grouped(shared=True)] == [[0, 1], [2]]


def test_new_points_are_new_residuals():
    problem = burgers_shock()
    network, residuals = network_of(problem), ProblemResiduals(problem)
    first, second = batch_of(problem), batch_of(problem, 8)
    for batch in (first, second, first):
        for key, r in by_automatic_differentiation(problem, network, batch).items():
            torch.testing.assert_close(residuals(network, batch)[key], r)


class Layered(Burgers):
    """A viscosity of 1, and of 2 where x > 1/2."""

    def residual(self, s, d):
        return {"momentum": d(s.u, "t") - torch.where(s.x > 0.5, 2.0, 1.0) * d(s.u, "xx")}


@pytest.mark.parametrize("problem", [burgers_shock(), replace(burgers_shock(), pde=Layered())])
def test_what_is_kept_from_earlier_points_changes_no_bit(problem):
    """Points to the left, all points, fewer points: what holds for some is not taken for granted at the others."""
    network, kept = network_of(problem), ProblemResiduals(problem)
    left, everywhere, fewer = batch_of(problem), batch_of(problem, 16), batch_of(problem, 8)
    left["interior"] = left["interior"].clamp(max=0.25)
    for batch in (left, everywhere, {k: z.flip(0) for k, z in everywhere.items()}, fewer, left):
        fresh = ProblemResiduals(problem)
        for tapes in (None, {}):
            found, expected = (
                residuals(network, batch, tapes=None if tapes is None else {}) for residuals in (kept, fresh)
            )
            for key, r in expected.items():
                assert torch.equal(found[key], r)
        for key, r in by_automatic_differentiation(problem, network, batch).items():
            torch.testing.assert_close(found[key], r, rtol=1e-10, atol=1e-10)


def test_as_many_new_points_need_no_new_plan(monkeypatch):
    problem = burgers_shock()
    network, residuals = network_of(problem), ProblemResiduals(problem)
    batch = batch_of(problem)
    residuals(network, batch)
    for name in ("collapse", "PassLayout"):
        monkeypatch.setattr(f"pdes.problem_residuals.{name}", lambda *_, name=name: pytest.fail(name))
    residuals(network, {key: points.clone() for key, points in batch.items()})


def test_no_graph_where_no_gradient_is_wanted():
    problem = burgers_shock()
    with torch.no_grad():
        found = ProblemResiduals(problem)(network_of(problem), batch_of(problem))
    assert not any(r.requires_grad for r in found.values())


def test_the_residual_of_the_equation_alone():
    problem = burgers_shock()
    network, points = network_of(problem), batch_of(problem)["interior"]
    (found,) = ProblemResiduals(problem).equation(network, points).values()
    (expected,) = point_residual(problem.pde, network, points).values()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["burgers_shock", "kovasznay"])
def test_a_part_of_the_residuals_is_what_it_is_in_the_whole(name):
    problem = problem_of(name)
    network, batch = network_of(problem), batch_of(problem)
    whole = ProblemResiduals(problem)
    everything = whole(network, batch)
    equations = everything.keys() - {c.name for c in problem.conditions}
    for wanted in everything:
        with_it = equations if wanted in equations else {wanted}
        found = whole.part({wanted})(network, {key: points.clone() for key, points in batch.items()})
        assert found.keys() == with_it
        torch.testing.assert_close(found[wanted], everything[wanted])


def test_a_part_evaluates_the_network_where_it_must_alone():
    problem = burgers_shock()
    network, batch = Clipped(), batch_of(problem)
    seen = []
    network.register_forward_pre_hook(lambda _, arguments: seen.append(len(arguments[0])))
    residuals = ProblemResiduals(problem)
    residuals(network, batch)
    seen.clear()
    residuals.part({"initial"})(network, batch)
    assert seen == [len(batch["initial"])]
