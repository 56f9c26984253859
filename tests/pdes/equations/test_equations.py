import math

import pytest
import torch

import pdes.equations
from pdes import Burgers, Darcy, Heat, NavierStokes, Poisson, check_pde
from pdes.benchmarks.burgers_shock import cole_hopf


def heat_solution(z):
    return (torch.exp(-0.3 * math.pi**2 * z[:, 1]) * torch.sin(math.pi * z[:, 0]))[:, None]


def heat_2d_solution(z):
    decay = torch.exp(-0.3 * 5 * math.pi**2 * z[:, 2])
    return (decay * torch.sin(math.pi * z[:, 0]) * torch.sin(2 * math.pi * z[:, 1]))[:, None]


def taylor_green(z):
    """A decaying vortex on the torus [0, 1]^2: psi = w / (8 pi^2)."""
    k = 2 * math.pi
    w = torch.sin(k * z[:, 0]) * torch.sin(k * z[:, 1]) * torch.exp(-2 * k**2 * 0.01 * z[:, 2])
    return torch.stack([w, w / (2 * k**2)], 1)


def sine_product(z):
    return torch.sin(math.pi * z).prod(1, keepdim=True)


CASES = {
    "burgers": (Burgers(0.05), lambda z: cole_hopf(z, 0.05), {}),
    "heat": (Heat(0.3), heat_solution, {}),
    "heat 2-D": (Heat(0.3, dimensions=2), heat_2d_solution, {}),
    "poisson 1-D": (Poisson(1), sine_product, {"f": lambda z: math.pi**2 * sine_product(z)[:, 0]}),
    "poisson 3-D": (Poisson(3), sine_product, {"f": lambda z: 3 * math.pi**2 * sine_product(z)[:, 0]}),
    "poisson 5-D": (Poisson(5), sine_product, {"f": lambda z: 5 * math.pi**2 * sine_product(z)[:, 0]}),
    "navier-stokes": (NavierStokes(0.01), taylor_green, {"f": 0.0}),
    # -(exp(x) u')' = 1 for u = (x + 1) exp(-x)
    "darcy": (
        Darcy(1.0),
        lambda z: ((z[:, 0] + 1) * torch.exp(-z[:, 0]))[:, None],
        {"a": lambda z: torch.exp(z[:, 0])},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_equation(case):
    pde, solution, inputs = CASES[case]
    figures = check_pde(pde, solution=solution, inputs=inputs)
    assert figures["solution"] < 1e-8


def test_every_exported_equation_is_checked():
    checked = {type(pde).__name__ for pde, _, _ in CASES.values()}
    assert checked == set(pdes.equations.__all__)


def test_names_of_coordinates():
    assert Poisson(2).coords == ("x", "y")
    assert Poisson(5).coords == ("x1", "x2", "x3", "x4", "x5")
    assert Heat(dimensions=3).coords == ("x", "y", "z", "t")
    with pytest.raises(ValueError, match="at least one space dimension"):
        _ = Poisson(0).coords


def test_a_parameter_is_learned():
    nu = torch.nn.Parameter(torch.tensor(0.1))
    assert Burgers(nu).parameters() == {"nu": nu}
    assert Burgers().parameters() == {}
