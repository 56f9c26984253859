import math

import pytest
import torch

import pdes.equations
from pdes import check_pde
from pdes.benchmarks import kovasznay
from pdes.benchmarks.beltrami import ethier_steinman
from pdes.benchmarks.burgers_shock import cole_hopf
from pdes.equations import (
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


def allen_cahn_front(z, diffusivity=0.1, rate=5.0):
    """The front between u = 1 and the unstable u = 0."""
    xi = math.sqrt(rate / diffusivity) * z[:, 0] - 3 / math.sqrt(2) * rate * z[:, 1]
    return (1 - torch.tanh(xi / (2 * math.sqrt(2))))[:, None] / 2


def standing_wave(z):
    """c = 1 / √2 on a diagonal mode of the square."""
    return (torch.sin(math.pi * z[:, :2]).prod(1) * torch.cos(math.pi * z[:, 2]))[:, None]


def travelling_wave(z, m=2.0):
    """ω² = c² k² + m with k = 2 and c = 3."""
    return torch.sin(2 * z[:, :1] - math.sqrt(36 + m) * z[:, 1:])


def soliton(z):
    """h = sech(x) exp(it/2)."""
    x, t = z.unbind(1)
    return torch.stack([torch.cos(t / 2), torch.sin(t / 2)], 1) / torch.cosh(x)[:, None]


def kuramoto_sivashinsky_shock(z, speed=0.5):
    """A travelling shock for α = β = γ = 1; Y. Kuramoto, T. Tsuzuki, Prog. Theor. Phys. 55 (1976) 356."""
    k = math.sqrt(11 / 19) / 2
    wave = torch.tanh(k * (z[:, :1] - speed * z[:, 1:]))
    return speed + 15 / 19 * math.sqrt(11 / 19) * (11 * wave**3 - 9 * wave)


def taylor_green_pressure(z, nu=0.01):
    """Taylor-Green in velocity and pressure on the torus [0, 1]^2."""
    k = 2 * math.pi
    x, y, t = k * z[:, 0], k * z[:, 1], z[:, 2]
    decay = torch.exp(-2 * k**2 * nu * t)
    u, v = torch.sin(x) * torch.cos(y) * decay, -torch.cos(x) * torch.sin(y) * decay
    return torch.stack([u, v, (torch.cos(2 * x) + torch.cos(2 * y)) / 4 * decay**2], 1)


def kovasznay_flow(z):
    return kovasznay().reference(z)


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
    "allen-cahn": (AllenCahn(0.1, 5.0), allen_cahn_front, {}),
    "helmholtz": (
        Helmholtz(3.0),
        sine_product,
        {"f": lambda z: (9 - 2 * math.pi**2) * sine_product(z)[:, 0]},
    ),
    "klein-gordon": (
        KleinGordon(3.0, 2.0, 0.5),
        travelling_wave,
        {"f": lambda z: travelling_wave(z)[:, 0] ** 3 / 2},
    ),
    "kuramoto-sivashinsky": (KuramotoSivashinsky(), kuramoto_sivashinsky_shock, {}),
    "incompressible 2-D": (IncompressibleNavierStokes(0.01), taylor_green_pressure, {}),
    "incompressible 2-D, steady": (IncompressibleNavierStokes(1 / 40, steady=True), kovasznay_flow, {}),
    "incompressible 3-D": (IncompressibleNavierStokes(1.0, dimensions=3), ethier_steinman, {}),
    "schroedinger": (Schroedinger(), soliton, {}),
    "wave 2-D": (Wave(math.sqrt(0.5), dimensions=2), standing_wave, {}),
}


SLOW = ("incompressible 3-D",)


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.slow) if c in SLOW else c for c in CASES])
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


def test_incompressible_flow_has_two_or_three_dimensions():
    assert IncompressibleNavierStokes(steady=True).coords == ("x", "y")
    assert IncompressibleNavierStokes(dimensions=3).fields == ("u", "v", "w", "p")
    with pytest.raises(ValueError, match="2 or 3 dimensions, not 1"):
        IncompressibleNavierStokes(dimensions=1)


def test_a_parameter_is_learned():
    nu = torch.nn.Parameter(torch.tensor(0.1))
    assert Burgers(nu).parameters() == {"nu": nu}
    assert Burgers().parameters() == {}
