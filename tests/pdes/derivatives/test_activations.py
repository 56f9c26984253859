import pytest
import torch

from pdes.derivatives import activations
from pdes.derivatives.activations import MAX_ORDER

FUNCTIONS = {
    "tanh": (activations.tanh, torch.tanh),
    "sigmoid": (activations.sigmoid, torch.sigmoid),
    "sin": (activations.sin, torch.sin),
    "cos": (activations.cos, torch.cos),
    "exp": (activations.exp, torch.exp),
    "log": (activations.log, torch.log),
    "normal_distribution": (activations.normal_distribution, torch.special.ndtr),
    "reciprocal": (activations.reciprocal, torch.reciprocal),
    "cube": (activations.power(3), lambda z: z**3),
    "root": (activations.power(0.5), torch.sqrt),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_those_of_automatic_differentiation(name):
    activation, function = FUNCTIONS[name]
    z = (0.1 + 2 * torch.rand(20, dtype=torch.float64)).requires_grad_()
    order = MAX_ORDER + 1
    found = activation.formulas(activation.bases(z.detach(), order), order)
    expected = function(z)
    for derivative in found:
        torch.testing.assert_close(derivative, expected.detach(), rtol=1e-9, atol=1e-9)
        if expected.requires_grad:
            (expected,) = torch.autograd.grad(expected.sum(), z, create_graph=True)
    assert len(found) == order + 1


def test_a_power_of_zero_past_its_degree():
    z = torch.zeros(3, dtype=torch.float64)
    assert [float(values[0]) for values in activations.power(2).bases(z, 4)] == [0, 0, 2, 0, 0]


def test_tanh_in_float32_is_that_of_torch_beside_one():
    z = torch.linspace(-20, 20, 2001)
    value, slope = activations.tanh.formulas(activations.tanh.bases(z, 1), 1)
    assert float((value - torch.tanh(z)).abs().max()) < 2e-7
    assert float((slope.double() - 1 / torch.cosh(z.double()) ** 2).abs().max()) < 4e-7
