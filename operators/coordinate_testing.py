"""The contract that every network of coordinates keeps, as checks that a test calls in one line."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from operators.coordinate_network import CoordinateNetwork
from operators.testing import assert_close, check_dtypes, check_gradients, check_rebuild


def check_coordinate_network(make: Callable[[], CoordinateNetwork], *, points: int = 7) -> None:
    """Assert that the networks ``make()`` returns keep the contract of `CoordinateNetwork`.

    Checked at random parameters: shape, gradients to every parameter, agreement of float32 and float64, rebuilding from
    options and weights, each point's value being its own, scaling to the domain, first and second derivatives by
    coordinates and parameters against finite differences, and periods; and that a seed determines the initial weights.

    Parameters
    ----------
    make
        Builds a network, with new random weights at each call.
    points
        Number of points.

    Raises
    ------
    AssertionError
        Names the part of the contract that is broken.
    """
    with torch.random.fork_rng(devices=[]):
        check_seed(make)
        torch.manual_seed(1)
        model = make().eval()
        for parameter in model.parameters():
            # some networks start where a part of them has no effect
            parameter.data += 0.1 * torch.randn_like(parameter)
        x = model.lower + (model.upper - model.lower) * torch.rand(points, model.in_features)
    check_shape(model, x)
    check_gradients(model, x)
    check_dtypes(model, x, (torch.float32, torch.float64))
    check_rebuild(model, x)
    check_points(model, x)
    model, x = model.double(), x.double()
    check_scaling(model, x)
    check_derivatives(model, x)
    check_periods(model, x)


def check_seed(make: Callable[[], CoordinateNetwork]) -> None:
    """The initial weights depend on the seed alone."""

    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([tensor.flatten() for tensor in make().state_dict().values()])

    assert torch.equal(weights(0), weights(0)), "the seed does not determine the initial weights"


def check_shape(model: CoordinateNetwork, x: Tensor) -> None:
    """The output is (n, out_features), and finite."""
    y = model(x)
    expected = (len(x), model.out_features)
    assert y.shape == expected, f"output has shape {tuple(y.shape)}, expected {expected}"
    assert y.isfinite().all(), "output is not finite"


def check_points(model: CoordinateNetwork, x: Tensor) -> None:
    """Each point's value is the one it has on its own, so that their order does not matter."""
    alone = torch.cat([model(point[None]) for point in x.flip(0)]).flip(0)
    assert_close(model(x), alone, 1e-5, "the value at a point depends on the others")


def check_scaling(model: CoordinateNetwork, x: Tensor) -> None:
    """On a domain moved and stretched the same weights give the same function, moved and stretched."""

    def moved(z: Tensor) -> Tensor:
        return 3 * z - 2

    bounds = {name: moved(getattr(model, name)) for name in ("lower", "upper")}
    copy = type(model)(**{**model.options, **{name: bound.tolist() for name, bound in bounds.items()}}).eval()
    copy.to(x.dtype).load_state_dict({**model.state_dict(), **bounds})
    assert_close(copy(moved(x)), model(x), 1e-10, "the network does not follow its bounds")


def check_derivatives(model: CoordinateNetwork, x: Tensor) -> None:
    """Derivatives up to the second, by coordinates and parameters, agree with finite differences."""
    names = [name for name, _ in model.named_parameters()]

    def value(points: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(model, dict(zip(names, parameters, strict=True)), (points,))

    def derivative(points: Tensor, *parameters: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(value(points, *parameters).sum(), points, create_graph=True)
        return gradient

    arguments = (
        x[:2].clone().requires_grad_(),
        *(p.detach().clone().requires_grad_() for p in model.parameters()),
    )
    for function, what in ((value, "first"), (derivative, "second")):
        agree = torch.autograd.gradcheck(function, arguments, fast_mode=True, raise_exception=False)
        assert agree, f"{what} derivatives differ from finite differences"


def check_periods(model: CoordinateNetwork, x: Tensor) -> None:
    """A period further the function is the same."""
    for axis in model.periodic:
        further = x.clone()
        further[:, axis] += model.upper[axis] - model.lower[axis]
        assert_close(model(further), model(x), 1e-10, f"not periodic in coordinate {axis}")
