import math

import pytest
import torch

from operators import FourierSeries, check_coordinate_network

PI = math.pi


def series(**options):
    torch.manual_seed(0)
    model = FourierSeries(
        2, 1, **{"harmonics": [1, 2], "lower": [-PI, 0.0], "upper": [PI, 1.0], **options}
    ).double()
    torch.nn.init.normal_(model.layer.weight)
    return model


def points(n=7):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 2, dtype=torch.float64, generator=generator)


def test_it_is_the_series():
    model, (x, y) = series(), points().T
    z = 2 * y - 1
    along_x = [x**0, torch.cos(x), torch.sin(x)]
    along_y = [z**0, torch.cos(PI * z), torch.cos(2 * PI * z), torch.sin(PI * z), torch.sin(2 * PI * z)]
    expected = torch.stack([a * b for a in along_x for b in along_y], 1) @ model.layer.weight[0]
    torch.testing.assert_close(model(points())[:, 0], expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("order", [0, 2])
def test_contract(order):
    def make():
        model = FourierSeries(2, 2, harmonics=[1, 2], order=order, lower=[-1.0, 0.0], upper=[2.0, 1.0])
        torch.nn.init.normal_(model.layer.weight)
        return model

    check_coordinate_network(make)


def test_it_starts_from_zero():
    assert not FourierSeries(1, 3, lower=[0], upper=[1])(torch.rand(5, 1)).any()


def test_scales():
    """|k|^-m in radians per unit, and 1 for the constant."""
    scale = series(order=2).scale.reshape(3, 5).double()
    x, y = torch.tensor([0.0, 1, 1]), 2 * PI * torch.tensor([0.0, 1, 2, 1, 2])
    squared = x[:, None] ** 2 + y**2
    squared[0, 0] = 1
    torch.testing.assert_close(scale, 1 / squared.double(), rtol=1e-6, atol=0)


def test_rescaling_keeps_the_function():
    model = series(order=1)
    before, weight = model(points()), model.layer.weight.detach().clone()
    factor = torch.rand(15, dtype=torch.float64) + 0.5
    model.rescale(factor)
    torch.testing.assert_close(model(points()), before, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model.layer.weight.detach(), weight / factor)


def test_wrong_harmonics():
    with pytest.raises(
        ValueError, match=r"harmonics is \[3\]; give a positive number, or one for each of the 2"
    ):
        FourierSeries(2, 1, harmonics=[3], lower=[0, 0], upper=[1, 1])
