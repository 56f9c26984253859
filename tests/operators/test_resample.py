import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from operators import unit_points
from operators.axes import integration_weights
from operators.resample import along_axes, hat_averages, linear_interpolation

CONVENTIONS = ["half-open", "vertices", "centres"]


@given(
    n=st.integers(2, 30),
    m=st.integers(2, 30),
    convention=st.sampled_from(CONVENTIONS),
    slope=st.floats(-3, 3),
    offset=st.floats(-3, 3),
)
def test_interpolation_is_exact_for_linear_functions(n, m, convention, slope, offset):
    points, targets = unit_points(n, convention), unit_points(m, convention)
    matrix = linear_interpolation(points, targets)
    torch.testing.assert_close(matrix @ (offset + slope * points), offset + slope * targets)
    if n == m:
        assert torch.equal(matrix, torch.eye(n, dtype=torch.float64))


def averages(n, m, convention):
    points = unit_points(n, convention)
    weights = integration_weights([points], [convention])
    return points, hat_averages(points, unit_points(m, "vertices"), weights)


@given(m=st.integers(2, 20), extra=st.integers(0, 40), convention=st.sampled_from(CONVENTIONS))
def test_averages_are_means_of_the_points_around(m, extra, convention):
    points, matrix = averages(m + extra, m, convention)
    torch.testing.assert_close(matrix.sum(1), torch.ones(m, dtype=torch.float64))
    assert (matrix >= -1e-12).all()
    distance = (unit_points(m, "vertices")[:, None] - points).abs()
    assert not matrix[distance > 1 / (m - 1)].any()


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_averages_converge_to_those_of_the_function(convention):
    """∫ φ u / ∫ φ of u = cos 2πs around an inner target sⱼ is cos(2πsⱼ) (sin(πh) / πh)², h the spacing of the targets."""
    points, matrix = averages(640, 9, convention)
    mean = matrix @ torch.cos(2 * math.pi * points)
    expected = (
        torch.cos(2 * math.pi * unit_points(9, "vertices")) * (math.sin(math.pi / 8) * 8 / math.pi) ** 2
    )
    torch.testing.assert_close(mean[1:-1], expected[1:-1], rtol=0, atol=1e-4)


def test_each_axis_has_its_matrix():
    x, a, b = torch.randn(2, 4, 5, 3), torch.randn(6, 4), torch.randn(7, 5)
    torch.testing.assert_close(along_axes(x, [a, b]), torch.einsum("bijc,mi,nj->bmnc", x, a, b))
