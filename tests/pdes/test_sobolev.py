import math

import pytest
import torch

from pdes import Axis, Grid, SobolevTransform

GRIDS = {
    "periodic": Grid([Axis("x", 12, 0, 2, periodic=True)]),
    "odd": Grid([Axis("x", 9, -1, 2, periodic=True)]),
    "walls": Grid([Axis("x", 10, 0, 3, "centres")]),
    "both": Grid([Axis("x", 8, 0, 2, periodic=True), Axis("y", 7, -1, 1, "centres")]),
    "3-D": Grid(
        [Axis("x", 4, 0, 1, "centres"), Axis("y", 5, 0, 1, "centres"), Axis("t", 6, 0, 2, periodic=True)]
    ),
}
every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)


def field(grid, *batch):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*batch, *grid.shape, dtype=torch.float64, generator=generator)


@every_grid
def test_parseval(grid):
    """Order 0 is the plain mean square, and the transform an orthogonal matrix."""
    n = math.prod(grid.shape)
    matrix = SobolevTransform(grid, 0)(torch.eye(n, dtype=torch.float64).reshape(n, *grid.shape)).reshape(
        n, n
    )
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(n, dtype=torch.float64), rtol=0, atol=1e-13)


def test_it_is_the_fourier_transform():
    grid = Grid([Axis("x", 8, 0, 2, periodic=True), Axis("y", 9, 0, 1, periodic=True)])
    values = field(grid)
    k = [2 * math.pi * torch.fft.fftfreq(axis.n, axis.spacing, dtype=torch.float64) for axis in grid]
    weight = (1 + k[0][:, None] ** 2 + k[1] ** 2) ** -1.5
    expected = (weight * torch.fft.fft2(values, norm="ortho").abs().square()).sum()
    torch.testing.assert_close(SobolevTransform(grid, -1.5)(values).square().sum(), expected)


@pytest.mark.parametrize("order", [-2, -1, 0.5])
@pytest.mark.parametrize("n", [16, 17])
def test_one_sine(order, n):
    """|sin kx|² over the volume is 1/2, and its squared Hˢ norm (1 + k²)^s / 2."""
    grid = Grid([Axis("x", n, 0, 3, periodic=True)])
    k = 2 * math.pi * 5 / 3
    values = torch.sin(k * grid.points()[0])
    norm = SobolevTransform(grid, order)(values).square().mean()
    assert float(norm) == pytest.approx((1 + k**2) ** order / 2)


def test_one_cosine_between_walls():
    grid = Grid([Axis("x", 16, 1, 3, "centres"), Axis("t", 8, 0, 1, "centres")])
    x, t = grid.mesh()
    k, w = 3 * math.pi / 2, 2 * math.pi
    norm = SobolevTransform(grid, -1)(torch.cos(k * (x - 1)) * torch.cos(w * t)).square().mean()
    assert float(norm) == pytest.approx(1 / (4 * (1 + k**2 + w**2)))


def test_the_dual_of_a_derivative():
    """‖u'‖ in H^-1 is at most ‖u‖ in L2, and close to it for fine scales: what a residual of first order is measured by."""
    grid = Grid([Axis("x", 64, 0, 1, periodic=True)])
    x = grid.points()[0]
    u, du = torch.sin(40 * math.pi * x), 40 * math.pi * torch.cos(40 * math.pi * x)
    ratio = SobolevTransform(grid, -1)(du).norm() / u.norm()
    assert 0.999 < float(ratio) < 1


@every_grid
def test_it_is_linear_and_takes_batches(grid):
    transform, (a, b) = SobolevTransform(grid, -1), field(grid, 2)
    together = transform(torch.stack([a, 2 * a - b]))
    torch.testing.assert_close(together[1], 2 * transform(a) - transform(b))


@every_grid
def test_gradient(grid):
    transform = SobolevTransform(grid, -1.5)
    values = field(grid).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: transform(r).square().mean(), values, fast_mode=True)


def test_dtype_follows_the_values():
    assert SobolevTransform(GRIDS["both"], -1)(field(GRIDS["both"]).float()).dtype == torch.float32


def test_values_elsewhere():
    with pytest.raises(ValueError, match=r"expected values of shape \(..., 8, 7\), got \(7, 8\)"):
        SobolevTransform(GRIDS["both"], -1)(torch.ones(7, 8))
