import math
from dataclasses import replace

import pytest
import torch

from operators import MLP
from pdes import (
    Dirichlet,
    ExactConditions,
    Heat,
    Initial,
    Interval,
    Neumann,
    Periodic,
    Poisson,
    Problem,
    Rectangle,
    TimeDomain,
)
from pdes.benchmarks import (
    beltrami,
    burgers_shock,
    heat_1d,
    helmholtz_2d,
    klein_gordon,
    kovasznay,
    lid_driven_cavity,
    poisson_5d,
    wave_1d,
)
from pdes.derivatives.function_jet import function_jet
from pdes.derivatives.layout import Layout
from pdes.derivatives.multi_index import closure
from pdes.derivatives.plan import JetPlan
from pdes.exact_conditions import exactly_possible, without_conditions
from pdes.residual import point_residual
from sciml.tasks import PinnTask


def network_of(problem, width=8):
    torch.manual_seed(0)
    pde, domain = problem.pde, problem.domain
    sizes = {"lower": domain.lower, "upper": domain.upper, "width": width, "depth": 2}
    return MLP(len(pde.coords), len(pde.fields), **sizes).double()


def exact(problem, names=None):
    return ExactConditions(network_of(problem), problem, names or exactly_possible(problem))


every_problem = pytest.mark.parametrize(
    "make", [beltrami, burgers_shock, heat_1d, helmholtz_2d, klein_gordon, kovasznay, poisson_5d, wave_1d]
)


@every_problem
def test_all_conditions_hold_for_any_weights(make):
    problem = make()
    model = exact(problem)
    for condition in problem.conditions:
        points = condition.sample(problem.domain, 100, torch.Generator().manual_seed(7), torch.float64)
        residual = condition.residual(points, problem.domain, problem.evaluate(model))
        assert float(residual.detach().abs().max()) < 1e-12


@pytest.mark.parametrize(
    "make",
    [burgers_shock, helmholtz_2d, klein_gordon, kovasznay, lid_driven_cavity, poisson_5d, wave_1d],
)
def test_jets_and_automatic_differentiation_agree(make):
    problem = make()
    model = exact(problem)
    task = PinnTask(without_conditions(problem, exactly_possible(problem)), interior=40, dtype=torch.float64)
    batch = task.batch(0, model)
    by_jet = task.residuals(model, batch)
    for _ in range(2):  # the second time from the jets that were kept
        for name, expected in point_residual(problem.pde, model, batch["interior"], problem.inputs).items():
            torch.testing.assert_close(by_jet[name], expected, rtol=1e-10, atol=1e-10)


def test_other_points_of_the_same_shape_have_their_own_values():
    problem = burgers_shock()
    model = exact(problem)
    task = PinnTask(
        without_conditions(problem, ["boundary", "initial"]),
        interior=40,
        resample_every=1,
        dtype=torch.float64,
    )
    first, second = task.batch(0, model), task.batch(1, model)
    for batch in (first, second, first):
        (by_jet,) = task.residuals(model, batch).values()
        (expected,) = point_residual(problem.pde, model, batch["interior"]).values()
        torch.testing.assert_close(by_jet, expected, rtol=1e-10, atol=1e-10)


def test_the_function_is_free_elsewhere():
    """For u = 0 on the sides of the square, F is the product of 4 s (1 - s): 1 in the middle."""
    model = exact(helmholtz_2d())
    middle = torch.zeros(1, 2, dtype=torch.float64)
    assert float(model.factor(middle)) == 1.0
    torch.testing.assert_close(model(middle), model.network(middle))


def test_initial_values_on_the_sine_are_the_known_ansatz():
    """u = -sin πx + t (1 - x²) N for the Burgers shock."""
    problem = burgers_shock()
    model = exact(problem)
    z = problem.domain.sample(50, torch.Generator().manual_seed(0), torch.float64)
    x, t = z.unbind(1)
    expected = -torch.sin(math.pi * x) + t * (1 - x**2) * model.network(z)[:, 0]
    torch.testing.assert_close(model(z)[:, 0], expected)


def test_parts_that_are_not_exact_stay_losses():
    problem = kovasznay()
    rest = without_conditions(problem, ["u_boundary"])
    assert [c.name for c in rest.conditions] == ["v_boundary", "p_outflow"]
    model = exact(problem, ["u_boundary"])
    z = problem.domain.sample(20, torch.Generator().manual_seed(0), torch.float64)
    torch.testing.assert_close(model(z)[:, 1:], model.network(z)[:, 1:])


def square(*conditions):
    return Problem("square", Poisson(), Rectangle((0, 0), (1, 1)), conditions, inputs={"f": 1.0})


def rod(*conditions):
    return Problem("rod", Heat(), Interval(0, 1) * TimeDomain(0, 1), conditions)


def test_contradicting_values_are_refused():
    lid = square(
        Dirichlet("u", 1.0, "y_max", "lid"), *(Dirichlet("u", 0.0, p, p) for p in ("x_min", "x_max", "y_min"))
    )
    with pytest.raises(ValueError, match=r"cannot be exact beside .*differ from theirs where they meet"):
        exact(lid)


def test_a_known_part_takes_up_the_jumps_where_values_contradict():
    """The lid moves and the walls do not; the known part takes on both values at the upper corners."""
    problem = lid_driven_cavity()
    with pytest.raises(ValueError, match="differ from theirs where they meet"):
        exact(replace(problem, known=None))
    names = exactly_possible(problem)
    model = exact(problem, names)
    for condition in problem.conditions:
        if condition.name in names:
            points = condition.sample(problem.domain, 200, torch.Generator().manual_seed(7), torch.float64)
            residual = condition.residual(points, problem.domain, problem.evaluate(model))
            assert float(residual.detach().abs().max()) < 1e-9
    corners = torch.tensor([[1e-10, 1 - 1e-6], [1e-6, 1 - 1e-10]], dtype=torch.float64)
    torch.testing.assert_close(model(corners)[:, 0], corners.new_tensor([0.0, 1.0]), rtol=0, atol=2e-3)


def test_a_known_part_alone_is_added_to_the_network():
    problem = lid_driven_cavity()
    model = ExactConditions(network_of(problem), problem, [])
    z = problem.domain.sample(30, torch.Generator().manual_seed(0), torch.float64)
    torch.testing.assert_close(model(z), problem.known(z) + model.network(z))
    by_jet = point_residual(problem.pde, model, z, plan=JetPlan(closure([(0, 0), (1, 1)])))
    for name, expected in point_residual(problem.pde, model, z).items():
        torch.testing.assert_close(by_jet[name], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("problem", "names", "message"),
    [
        (square(Dirichlet("u")), ["boundry"], "exact names the conditions boundry; square has boundary"),
        (square(Neumann("u")), ["flux"], r"'flux' \(Neumann\) cannot be imposed exactly"),
        (rod(Initial("u", order=1, name="slope")), ["slope"], "can be exact only where the initial value is"),
        (
            square(Dirichlet("u"), Dirichlet("u", 0.0, "x_min", "left")),
            ["boundary", "left"],
            "values at the same place",
        ),
        (rod(Periodic("u")), ["periodic"], "not periodic"),
    ],
)
def test_what_cannot_be_exact_is_named(problem, names, message):
    with pytest.raises(ValueError, match=message):
        exact(problem, names)


def test_jet_of_a_known_function():
    """exp(x) sin(2y): mixed derivatives in closed form."""
    z = torch.rand(6, 2, dtype=torch.float64)
    indices = closure([(0, 0, 1, 1), (0, 1, 1, 1)])
    jet = function_jet(
        lambda p: (torch.exp(p[:, 0]) * torch.sin(2 * p[:, 1]))[:, None],
        z,
        Layout(indices, (6,) * len(indices)),
    )
    for index, values in zip(indices, jet.data[..., 0], strict=True):
        k = index.count(1)
        expected = torch.exp(z[:, 0]) * 2**k * torch.sin(2 * z[:, 1] + k * math.pi / 2)
        torch.testing.assert_close(values, expected)
