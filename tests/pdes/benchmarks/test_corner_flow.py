import math

import pytest
import torch

from pdes import IncompressibleNavierStokes, point_residual
from pdes.benchmarks.corner_flow import sliding_corner

NU = 0.05


@pytest.mark.parametrize("speed", [1.0, -0.7])
def test_velocity_of_the_walls(speed):
    r, zero = torch.logspace(-6, 0, 7, dtype=torch.float64), torch.zeros(7, dtype=torch.float64)
    u, v, _ = sliding_corner(r, zero, speed, NU)
    torch.testing.assert_close(torch.stack([u, v]), torch.stack([zero + speed, zero]), rtol=0, atol=1e-13)
    u, v, _ = sliding_corner(zero, r, speed, NU)
    torch.testing.assert_close(torch.stack([u, v]), torch.zeros(2, 7).double(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("speed", [1.0, -0.7])
def test_the_equations_hold_up_to_a_bounded_rest(speed):
    """The rest is of order U³/ν² r^0; terms of creeping flow are of order νU/r²."""
    pde = IncompressibleNavierStokes(NU, steady=True)
    theta = torch.linspace(0.1, math.pi / 2 - 0.1, 8, dtype=torch.float64)
    rests = []
    for r in (1e-2, 1e-4):
        points = r * torch.stack([torch.cos(theta), torch.sin(theta)], 1)
        found = point_residual(pde, lambda z: torch.stack(sliding_corner(*z.unbind(1), speed, NU), 1), points)
        assert float(found["continuity"].detach().abs().max()) < 1e-10
        rests.append(torch.stack([found["momentum_x"], found["momentum_y"]]).detach())
    assert float(rests[0].abs().max()) < 0.2 * abs(speed) ** 3 / NU
    torch.testing.assert_close(*rests, rtol=0.1, atol=0.1)
