import math

import pytest
import torch

from pdes import Axis, Grid
from pdes.derivatives import GridDerivatives

GRID = Grid([Axis("x", 32, 0, 2 * math.pi, periodic=True), Axis("t", 33, 0, 1, "vertices")])


def test_each_axis_by_its_method():
    x, t = GRID.mesh()
    u = torch.sin(x) * t**2
    d = GridDerivatives(GRID)
    torch.testing.assert_close(d(u, "xx"), -u, atol=1e-10, rtol=0)
    torch.testing.assert_close(d(u, "t"), 2 * t * torch.sin(x))
    torch.testing.assert_close(d(u, "xt"), 2 * t * torch.cos(x))


def test_batches_pass_through():
    u = torch.rand(3, 2, 32, 33, dtype=torch.float64)
    d = GridDerivatives(GRID)
    torch.testing.assert_close(d(u, "xt")[1, 0], d(u[1, 0], "xt"))


def test_bad_input_is_named():
    u = torch.zeros(32, 33)
    with pytest.raises(ValueError, match="periodic axis and 't' is not"):
        GridDerivatives(GRID, method="spectral")(u, "t")
    with pytest.raises(ValueError, match="axis 'y'"):
        GridDerivatives(GRID, coords=("x", "y", "t"))(u, "y")
    with pytest.raises(ValueError, match="unknown derivative method 'fft'"):
        GridDerivatives(GRID, method="fft")
    with pytest.raises(ValueError, match=r"expected an expression of shape \(..., 32, 33\)"):
        GridDerivatives(GRID)(torch.zeros(32), "x")
