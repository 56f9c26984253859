import math
from dataclasses import replace

import pytest
import torch

from operators import MLP
from pdes import Dirichlet, Heat, Initial, Interval, Periodic, Problem, SobolevTransform, TimeDomain
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


def on_grid(order=0.0, shape=(6, 5)):
    problem = burgers_shock()
    grid = problem.collocation_grid(shape)
    return PinnTask(problem, grid=grid, sobolev_order=order, dtype=torch.float64)


def test_points_on_a_grid():
    t = on_grid()
    points = t.batch(0, network())["interior"]
    assert points.shape == (30, 2)
    assert points[:6, 0].tolist() == pytest.approx([-5 / 6] * 5 + [-0.5])
    assert points[:6, 1].tolist() == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9, 0.1])


def test_periodic_coordinates_have_half_open_points():
    problem = Problem("ring", Heat(1.0), Interval(0, 1) * TimeDomain(0, 1), (Periodic("u"), Initial("u")))
    grid = problem.collocation_grid([8, 4])
    assert [(axis.convention, axis.periodic) for axis in grid] == [("half-open", True), ("centres", False)]


def test_order_zero_is_the_mean_square():
    model = network()
    plain, same = on_grid(), on_grid(order=1e-300)
    for name, loss in plain.losses(model, plain.batch(0, model)).items():
        torch.testing.assert_close(same.losses(model, same.batch(0, model))[name], loss)


def test_a_negative_order_measures_the_equation_and_leaves_the_conditions():
    model = network()
    plain, weak = on_grid(), on_grid(order=-1.0)
    before = plain.losses(model, plain.batch(0, model))
    after = weak.losses(model, weak.batch(0, model))
    residual = weak.residuals(model, weak.batch(0, model))["momentum"].reshape(6, 5)
    grid = burgers_shock().collocation_grid([6, 5])
    torch.testing.assert_close(after["momentum"], SobolevTransform(grid, -1)(residual).square().mean())
    assert after["momentum"] < before["momentum"]
    assert torch.equal(after["initial"], before["initial"])


def test_least_squares_in_a_sobolev_norm():
    """The square sum of the transformed residuals is the loss, and their Jacobian gives its gradient."""
    model = network()
    weak, parameters = on_grid(order=-1.0), list(model.parameters())
    batch = weak.batch(0, model)
    losses, parts = weak.losses(model, batch), weak.least_squares(model, batch, parameters, jacobian=True)
    for name, (r, rows) in parts.items():
        torch.testing.assert_close(r @ r, losses[name].detach())
        gradients = torch.autograd.grad(
            losses[name], parameters, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        expected = torch.cat([g.reshape(-1) for g in gradients])
        torch.testing.assert_close(2 * r @ rows, expected, rtol=1e-9, atol=1e-12)


def test_a_grid_that_does_not_fit():
    with pytest.raises(ValueError, match=r"points\.grid is \[8\]; give one number for each of x, t"):
        on_grid(shape=[8])
    with pytest.raises(ValueError, match=r"points\.sobolev_order needs points on a grid"):
        task(sobolev_order=-1.0)
    with pytest.raises(
        ValueError,
        match=r"points\.adaptive and points\.redraw_above draw points where points\.grid fixes them",
    ):
        task(grid=burgers_shock().collocation_grid([8, 8]), adaptive=0.5)


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


class Reshaped(torch.nn.Module):
    """A network that jets do not go through, with a parameter that enters no layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(2, 1, dtype=torch.float64)
        self.power = torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, z):
        return ((2 + torch.tanh(self.layer(z))) ** self.power).view(-1, 1)


def test_least_squares_of_any_network():
    t, model = task(interior=150, conditions={"boundary": 3, "initial": 20}), Reshaped()
    batch, parameters = t.batch(0, model), list(model.parameters())
    parts = t.least_squares(model, batch, parameters, jacobian=True)
    for name, residual in t.residuals(model, batch).items():
        scaled, jacobian = parts[name]
        size = len(residual) ** 0.5
        torch.testing.assert_close(scaled, residual.detach() / size)
        for k in (0, 1, len(residual) - 1):
            gradients = torch.autograd.grad(residual[k], parameters, retain_graph=True)
            expected = torch.cat([g.reshape(-1) for g in gradients]) / size
            torch.testing.assert_close(jacobian[k], expected, rtol=1e-9, atol=1e-12)
    values = t.least_squares(model, batch, parameters, jacobian=False)
    for name, (r, rows) in values.items():
        torch.testing.assert_close(r, parts[name][0])
        assert rows is None


def test_some_of_the_losses():
    t, model = task(), network()
    batch = t.batch(0, model)
    losses = t.losses(model, batch)
    for name, loss in losses.items():
        (found,) = t.losses_of(model, batch, [name]).values()
        torch.testing.assert_close(found, loss)
