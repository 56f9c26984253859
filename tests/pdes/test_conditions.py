import math

import pytest
import torch

from pdes import Burgers, Dirichlet, Initial, Interval, Periodic, Problem, TimeDomain, point_state

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
        (Periodic("u", "x"), lambda z: z[:, :1] * 0.5),
        (Periodic("u", "x", order=1), lambda z: z[:, :1] ** 2),
    ],
)
def test_does_not_hold_for_another(condition, wrong):
    assert float(residual(condition, wrong).detach().abs().max()) > 0.5


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
        ({"conditions": (Periodic("u", "z"),)}, "coordinates x, t, not 'z'"),
    ],
)
def test_a_problem_that_does_not_fit_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Problem(**{"name": "p", "pde": Burgers(), "domain": DOMAIN, "conditions": (), **arguments})
