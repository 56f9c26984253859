import math

import pytest
import torch

from pdes import (
    Box,
    Burgers,
    Dirichlet,
    Heat,
    Initial,
    Interval,
    NavierStokes,
    Periodic,
    Problem,
    Rectangle,
    TimeDomain,
    point_state,
)
from pdes.conditions import Neumann, Observation, Robin, outward_normal

DOMAIN = Interval(-1, 1) * TimeDomain(0, 1)


def network(z):
    return torch.sin(math.pi * z[:, :1]) * torch.exp(-z[:, 1:])


def residual(condition, net=network):
    points = condition.sample(DOMAIN, 32, torch.Generator().manual_seed(0), torch.float64)
    return condition.residual(points, DOMAIN, lambda z: point_state(Burgers(), net, z))


@pytest.mark.parametrize(
    "condition",
    [
        Dirichlet("u", 0.0),
        Dirichlet("u", lambda z: network(z)[:, 0], part="x_min"),
        Initial("u", lambda z: torch.sin(math.pi * z[:, 0])),
        Initial("u", lambda z: -torch.sin(math.pi * z[:, 0]), order=1),
        Initial("u", lambda z: torch.sin(math.pi * z[:, 0]), order=2),
        # the slope at both ends is -π exp(-t), and n points to the left at x = -1
        Neumann("u", lambda z: -math.pi * z[:, 0] * torch.exp(-z[:, 1])),
        Neumann("u", lambda z: math.pi * torch.exp(-z[:, 1]), part="x_min"),
        Periodic("u", "x"),
        Periodic("u", "x", order=1),
        Periodic("u", "x", order=3),
    ],
)
def test_holds_for_a_field_that_satisfies_it(condition):
    values = residual(condition)
    assert values.shape == (32,)
    assert float(values.detach().abs().max()) < 1e-10


@pytest.mark.parametrize(
    ("condition", "wrong"),
    [
        (Dirichlet("u", 0.0), lambda z: network(z) + 1),
        (Initial("u", 0.0), network),
        (Initial("u", 0.0, order=1), network),
        (Neumann("u", 0.0), network),
        (Periodic("u", "x"), lambda z: z[:, :1] * 0.5),
        (Periodic("u", "x", order=1), lambda z: z[:, :1] ** 2),
    ],
)
def test_does_not_hold_for_another(condition, wrong):
    assert float(residual(condition, wrong).detach().abs().max()) > 0.5


def unit_box(dimensions):
    return Box([f"x{i}" for i in range(dimensions)], [0.0] * dimensions, [0.7 + i for i in range(dimensions)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "domain",
    [Interval(-1, 1), unit_box(2), unit_box(5), DOMAIN, unit_box(3) * TimeDomain(0.1, 0.3)],
    ids=["1-D", "2-D", "5-D", "1-D in time", "3-D in time"],
)
def test_outward_normals_are_those_of_the_boundary(domain, dtype):
    generator = torch.Generator().manual_seed(0)
    points, normals = domain.boundary(200, generator, dtype)
    dimensions = len(domain.coords) - ("t" in domain.coords)
    assert torch.equal(outward_normal(points, domain), normals[:, :dimensions])


def test_flux_and_exchange_on_a_rectangle():
    """u = exp(2x - y) has ∂u/∂n = (2 n_x - n_y) u."""
    domain = Rectangle((0.0, -1.0), (2.0, 1.0)) * TimeDomain(0, 1)
    pde = Heat(dimensions=2)

    def field(z):
        return torch.exp(2 * z[:, :1] - z[:, 1:2])

    def residual(condition):
        condition.check(domain)
        points = condition.sample(domain, 64, torch.Generator().manual_seed(1), torch.float64)
        values = condition.residual(points, domain, lambda z: point_state(pde, field, z))
        return float(values.detach().abs().max())

    for part, slope in {"x_min": -2, "x_max": 2, "y_min": 1, "y_max": -1}.items():
        flux = Neumann("u", lambda z, slope=slope: slope * field(z)[:, 0], part=part)
        exchange = Robin("u", lambda z, slope=slope: (slope + 3) * field(z)[:, 0], 3.0, part=part)
        assert residual(flux) < 1e-10
        assert residual(exchange) < 1e-10
        assert residual(Robin("u", flux.value, 3.0, part=part)) > 0.5


def test_a_derivative_condition_trains_a_network():
    """The residual must be differentiable by the network's parameters."""
    scale = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    for condition in (Neumann("u"), Robin("u"), Initial("u", order=1)):
        (gradient,) = torch.autograd.grad(
            residual(condition, lambda z: scale * network(z)).square().mean(), scale
        )
        assert float(gradient) > 0.1


def test_conditions_on_several_fields_and_orders():
    domain = Rectangle((0.0, 0.0), (1.0, 1.0)) * TimeDomain(0, 1)
    conditions = (
        Initial("w", name="w_initial"),
        Initial("w", order=1, name="w_t_initial"),
        Dirichlet("psi", name="psi_boundary"),
        Neumann("psi", name="psi_flux"),
    )
    problem = Problem("p", NavierStokes(), domain, conditions, inputs={"f": 0.0})
    evaluate = problem.evaluate(lambda z: torch.stack([z[:, 2] + 1, z[:, 0] * 3], 1))
    found = {}
    for condition in problem.conditions:
        points = condition.sample(domain, 8, torch.Generator().manual_seed(0), torch.float64)
        found[condition.name] = condition.residual(points, domain, evaluate).detach()
    assert torch.equal(found["w_initial"], torch.ones(8, dtype=torch.float64))
    assert torch.equal(found["w_t_initial"], torch.ones(8, dtype=torch.float64))
    assert set(found["psi_flux"].tolist()) == {-3.0, 0.0, 3.0}


def test_prescribed_values_have_one_value_a_point():
    with pytest.raises(ValueError, match=r"must be \(32,\), one a point, not \(32, 1\)"):
        residual(Dirichlet("u", lambda z: z[:, :1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"domain": Interval(-1, 1)}, "Burgers has coordinates x, t, its domain x"),
        ({"conditions": (Dirichlet("v"),)}, "condition 'boundary' is on field 'v', but Burgers has u"),
        ({"conditions": (Dirichlet("u"), Dirichlet("u"))}, "names of their own; repeated: boundary"),
        ({"conditions": (Dirichlet("u", part="y_min"),)}, "boundary parts x_min, x_max, not 'y_min'"),
        ({"conditions": (Neumann("u", part="top"),)}, "boundary parts x_min, x_max, not 'top'"),
        ({"conditions": (Periodic("u", "z"),)}, "coordinates x, t, not 'z'"),
    ],
)
def test_a_problem_that_does_not_fit_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Problem(**{"name": "p", "pde": Burgers(), "domain": DOMAIN, "conditions": (), **arguments})


def test_an_observation_is_its_own_points():
    points = ((0.25, 0.5), (-0.5, 1.0), (0.0, 0.0))
    measured = network(torch.tensor(points, dtype=torch.float64))[:, 0]
    condition = Observation("u", points, tuple(measured.tolist()))
    values = residual(condition)
    assert values.shape == (3,)
    assert float(values.detach().abs().max()) < 1e-15
    assert float(residual(Observation("u", points[:1], (0.0,))).detach()) == float(measured[0])


@pytest.mark.parametrize(
    ("points", "values", "message"),
    [
        (
            ((0.0, 0.5),),
            (1.0, 2.0),
            r"expected a value for each point of \(x, t\), not 2 values for 1 points",
        ),
        (((0.0,),), (1.0,), "expected a value for each point"),
        (((0.0, 0.5), (0.0, 1.5)), (1.0, 2.0), r"point \(0.0, 1.5\) lies outside the domain"),
    ],
)
def test_an_observation_that_does_not_fit(points, values, message):
    with pytest.raises(ValueError, match=message):
        Problem("p", Burgers(), DOMAIN, (Observation("u", points, values),))
