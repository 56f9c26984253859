import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdes.derivatives import stencil_derivative
from pdes.derivatives.stencil import difference_weights


def test_known_weights():
    assert difference_weights((-1, 0, 1), 2) == pytest.approx((1, -2, 1))
    assert difference_weights((-2, -1, 0, 1, 2), 1) == pytest.approx(
        (1 / 12, -2 / 3, 0, 2 / 3, -1 / 12), abs=1e-15
    )
    assert difference_weights((0, 1, 2), 1) == pytest.approx((-1.5, 2, -0.5))


@pytest.mark.parametrize("accuracy", [2, 4])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("periodic", [False, True])
def test_converges_with_its_order_at_every_point(order, accuracy, periodic):
    derivative = {1: torch.cos, 2: lambda z: -torch.sin(z), 3: lambda z: -torch.cos(z), 4: torch.sin}[order]
    sizes, errors = (24, 32, 48, 64), []
    for n in sizes:
        x = torch.arange(n, dtype=torch.float64) * 2 * math.pi / (n if periodic else n - 1)
        h = float(x[1] - x[0])
        found = stencil_derivative(torch.sin(x), 0, order, h, accuracy=accuracy, periodic=periodic)
        errors.append(float((found - derivative(x)).abs().max()))
    slope = -torch.tensor([math.log(errors[-1] / errors[0]) / math.log(sizes[-1] / sizes[0])])
    assert slope > accuracy - 0.3


@given(st.integers(1, 3), st.sampled_from([2, 4]), st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_exact_for_polynomials_up_to_its_order(order, accuracy, coefficients):
    x = torch.linspace(0, 1, 12, dtype=torch.float64)
    degree = order + accuracy - 1
    powers = [degree - i for i in range(3)]
    u = sum(c * x**p for c, p in zip(coefficients, powers, strict=True))
    expected = sum(
        c * math.perm(p, order) * x ** max(p - order, 0) for c, p in zip(coefficients, powers, strict=True)
    )
    found = stencil_derivative(u, 0, order, float(x[1]), accuracy=accuracy)
    torch.testing.assert_close(found, expected * torch.ones_like(x), atol=1e-7, rtol=1e-7)


def test_acts_along_the_given_axis():
    x = torch.linspace(0, 1, 9, dtype=torch.float64)
    u = (x**2)[None, :, None].expand(3, 9, 5)
    torch.testing.assert_close(stencil_derivative(u, 1, 1, 1 / 8), (2 * x)[None, :, None].expand(3, 9, 5))


def test_bad_input_is_named():
    u = torch.zeros(4)
    with pytest.raises(ValueError, match="accuracy 2 or 4, not 3"):
        stencil_derivative(u, 0, 1, 0.1, accuracy=3)
    with pytest.raises(ValueError, match="needs 6 points, the axis has 4"):
        stencil_derivative(u, 0, 2, 0.1, accuracy=4)
