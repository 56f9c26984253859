import math

import torch

from pdes.equations import Heat
from pdes.grid import Axis, Grid
from pdes.solvers.clock import SpaceTimeDerivatives, by_clock


def test_derivatives_by_the_clock_of_any_order_and_of_filtered_fields():
    clock = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    grid = Grid([Axis("x", 16, 0.0, 2 * math.pi, periodic=True)])
    x = grid.points()[0]
    d = SpaceTimeDerivatives(Heat(), grid, by_clock(clock))
    u = torch.sin(x) * clock**3 + torch.cos(2 * x) * torch.exp(clock)
    t = clock.item()
    expected = {
        "t": torch.sin(x) * 3 * t**2 + torch.cos(2 * x) * math.exp(t),
        "tt": torch.sin(x) * 6 * t + torch.cos(2 * x) * math.exp(t),
        "xt": torch.cos(x) * 3 * t**2 - 2 * torch.sin(2 * x) * math.exp(t),
        "xx": -torch.sin(x) * t**3 - 4 * torch.cos(2 * x) * math.exp(t),
    }
    for axes, value in expected.items():
        torch.testing.assert_close(d(u, axes).detach(), value, rtol=0, atol=1e-12)
    # a product of a field and its own derivative, and an expression without time
    inner = d(u * d(u, "t"), "t").detach()
    torch.testing.assert_close(
        inner, expected["t"] ** 2 + u.detach() * expected["tt"], rtol=1e-12, atol=1e-12
    )
    assert d(x, "t").abs().max() == 0
    assert d(x * torch.nn.Parameter(torch.ones(16)), "t").abs().max() == 0
