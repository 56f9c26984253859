import math
from dataclasses import replace

import pytest
import torch

from operators import MLP
from pdes import Dirichlet, Heat, Initial, Interval, Problem, TimeDomain
from pdes.benchmarks import burgers_shock, kovasznay
from pdes.benchmarks.burgers_shock import cole_hopf
from sciml.optim import WeightedSum
from sciml.tasks import PinnTask


class Exact(torch.nn.Module):
    def forward(self, z):
        return cole_hopf(z)


def task(**options):
    return PinnTask(burgers_shock(), **{"interior": 64, "dtype": torch.float64, **options})


def network():
    torch.manual_seed(0)
    return MLP(2, 1, width=8, depth=2, lower=[-1, 0], upper=[1, 1]).double()


def test_losses_of_the_exact_solution_vanish():
    t = task()
    losses = t.losses(Exact(), t.batch(0, Exact()))
    assert losses.keys() == {"momentum", "boundary", "initial"}
    assert max(float(v.detach()) for v in losses.values()) < 1e-16
    assert t.validate(Exact()) == {"rel_l2": pytest.approx(0, abs=1e-14)}


def test_numbers_of_points():
    t = task(conditions={"initial": 7})
    assert {name: len(p) for name, p in t.batch(0, network()).items()} == {
        "interior": 64,
        "boundary": 200,
        "initial": 7,
    }


def test_points_change_when_they_should_and_only_then():
    t = task(resample_every=5)
    first, same, other = (t.batch(step, network()) for step in (0, 4, 5))
    assert first is same
    assert not torch.equal(first["interior"], other["interior"])
    fixed = task()
    assert fixed.batch(0, network()) is fixed.batch(10_000, network())


def test_points_depend_on_the_seed_alone():
    a, b, c = (task(seed=s).batch(0, network())["interior"] for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_adaptive_points_crowd_where_the_residual_is_large():
    class Kink(torch.nn.Module):
        """A steep front at x = 0: the residual is large there alone."""

        def forward(self, z):
            return -torch.tanh(50 * z[:, :1])

    t = task(interior=4000, resample_every=1, adaptive=0.5)
    evenly = t.batch(0, Kink())["interior"]
    adapted = t.batch(1, Kink())["interior"]
    assert len(adapted) == 4000

    def near_front(points):
        return float((points[:, 0].abs() < 0.1).double().mean())

    assert near_front(evenly) == pytest.approx(0.1, abs=0.01)
    assert near_front(adapted) > 0.15


def test_an_unknown_coefficient_is_learned():
    kappa = torch.nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

    class Mode(torch.nn.Module):
        """The solution for kappa = 0.2, fixed: only the coefficient is left to learn."""

        def forward(self, z):
            return torch.exp(-0.2 * math.pi**2 * z[:, 1:]) * torch.sin(math.pi * z[:, :1])

    problem = Problem(
        "rod",
        Heat(kappa),
        Interval(0, 1) * TimeDomain(0, 1),
        (Dirichlet("u"), Initial("u", lambda z: torch.sin(math.pi * z[:, 0]))),
    )
    t = PinnTask(problem, interior=100, dtype=torch.float64)
    assert t.parameters() == {"kappa": kappa}
    optimizer = torch.optim.Adam([kappa], lr=0.02)
    for step in range(200):
        WeightedSum().backward(t.losses(Mode(), t.batch(step, Mode())), [kappa])
        optimizer.step()
    assert float(kappa.detach()) == pytest.approx(0.2, abs=1e-3)


def test_evaluation():
    evaluation = task().evaluate(network())
    assert evaluation.metrics["rel_l2"] == evaluation.metrics["rel_l2_by_field"]["u"] > 0.1
    assert [name for name, _, _ in evaluation.figures] == ["u.png"]
    assert "256 x 100" in evaluation.table


def test_unknown_conditions_are_named():
    with pytest.raises(
        ValueError, match=r"points\.conditions names walls; burgers_shock has boundary, initial"
    ):
        task(conditions={"walls": 3})


def test_the_error_counts_the_compared_fields_alone():
    problem = kovasznay()

    class Shifted(torch.nn.Module):
        """The reference with an error in the pressure."""

        def forward(self, z):
            return problem.reference(z) + torch.tensor([0.0, 0.0, 1.0])

    pinn = PinnTask(replace(problem, compared=("v", "u")), interior=2, dtype=torch.float64)
    assert pinn.validate(Shifted())["rel_l2"] == 0
    metrics = pinn.evaluate(Shifted()).metrics
    assert metrics["rel_l2_by_field"] == {"v": 0.0, "u": 0.0}
    assert PinnTask(problem, interior=2, dtype=torch.float64).validate(Shifted())["rel_l2"] > 0.1
    with pytest.raises(ValueError, match="compared names q; IncompressibleNavierStokes has u, v, p"):
        replace(problem, compared=("u", "q"))
