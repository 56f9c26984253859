import math

import pytest
import torch

from operators import unit_points
from operators.axes import append_coordinates, integration_weights, per_axis, vanish_on_walls


def points_of(sizes, grid):
    return [unit_points(n, c) for n, c in zip(sizes, grid, strict=True)]


def test_coordinates_follow_the_fields():
    points = points_of((3, 4), ("vertices", "centres"))
    y = append_coordinates(torch.zeros(2, 5, 3, 4, dtype=torch.float64), points)
    assert y.shape == (2, 7, 3, 4)
    assert not y[:, :5].any()
    assert torch.equal(y[1, 5, :, 2], points[0])
    assert torch.equal(y[0, 6, 1], points[1])


def test_walls_of_the_chosen_axes():
    points = points_of((3, 5), ("vertices", "vertices"))
    y = vanish_on_walls(torch.ones(1, 1, 3, 5, dtype=torch.float64), points, (False, True))[0, 0]
    assert torch.equal(y[0], y[2])
    assert y[0].tolist() == [0, 0.75, 1, 0.75, 0]


@pytest.mark.parametrize(("convention", "order"), [("half-open", 1), ("centres", 2), ("vertices", 2)])
def test_order_of_integration(convention, order):
    """The errors of ∫ exp on the unit square fall with the order of each convention's rule."""
    errors = []
    for n in (20, 40):
        points = points_of((n, n), (convention, "centres"))
        weights = integration_weights(points, (convention, "centres"))
        assert weights.sum().item() == pytest.approx(1)
        values = points[0].exp().repeat_interleave(n)
        errors.append(abs(float(weights @ values) - (math.e - 1)))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_one_value_for_all_axes_or_one_for_each():
    assert per_axis(3, 2, "modes") == (3, 3)
    assert per_axis([True, False], 2, "zero_boundary") == (True, False)
    with pytest.raises(ValueError, match="modes has 3 entries but the model has 2 axes; give one"):
        per_axis([1, 2, 3], 2, "modes")
