import math

import pytest
import torch

from pdes.derivatives import Autograd
from pdes.solvers import ChebyshevSeries

BOX = ((-1.0, 2.0), (3.0, 2.5))


def random_series(degree=5):
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.randn(2, degree + 1, degree + 1, generator=generator, dtype=torch.float64)
    return ChebyshevSeries(*BOX, coefficients)


def some_points(n=7):
    low, high = (torch.tensor(v, dtype=torch.float64) for v in BOX)
    return low + (high - low) * torch.rand(n, 2, generator=torch.Generator().manual_seed(1)).double()


def test_values_are_the_sum_of_cosines():
    series, z = random_series(), some_points()
    angles = torch.acos(torch.stack([(z[:, 0] - 1) / 2, (z[:, 1] - 2.25) / 0.25], 1))
    k = torch.arange(6)
    waves = [torch.cos(k * angles[:, axis, None]) for axis in (0, 1)]
    expected = torch.einsum("nj,nk,fjk->nf", *waves, series.coefficients)
    torch.testing.assert_close(series(z), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("index", [(), (0,), (1,), (0, 0), (0, 1), (1, 1), (0, 1, 1), (0, 0, 0, 0)])
def test_derivatives_of_the_basis_are_those_of_the_series(index):
    series, z = random_series(), some_points().requires_grad_()
    d = Autograd(("x", "y"), z)
    for field, u in enumerate(series(z).unbind(1)):
        exact = d(u, tuple("xy"[i] for i in index)) if index else u
        found = series.basis(z.detach(), index) @ series.coefficients[field].flatten()
        torch.testing.assert_close(found, exact.detach(), rtol=1e-10, atol=1e-10 * math.factorial(5))


def test_a_polynomial_is_represented_exactly():
    # x² y of the unit square: x² = (3 + 4 T_1 + T_2) / 8 and y = (1 + T_1) / 2
    coefficients = torch.zeros(1, 3, 3, dtype=torch.float64)
    coefficients[0, :, 0] = coefficients[0, :, 1] = torch.tensor([3, 4, 1]).double() / 16
    z = torch.rand(9, 2, generator=torch.Generator().manual_seed(0)).double()
    series = ChebyshevSeries((0.0, 0.0), (1.0, 1.0), coefficients)
    torch.testing.assert_close(series(z)[:, 0], z[:, 0] ** 2 * z[:, 1], rtol=0, atol=1e-15)
