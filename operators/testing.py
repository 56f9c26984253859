"""The contract that every operator keeps, as checks that a test calls in one line."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from operators.operator import CONVENTIONS, Model, Operator, unit_points

Make = Callable[[], Operator]


def check_operator(
    make: Make,
    *,
    sizes: Sequence[Sequence[int]],
    batch: int = 3,
    equivariant: bool = False,
    dtypes: Sequence[torch.dtype] = (torch.float32, torch.float64),
) -> None:
    """Assert that the operators ``make()`` returns keep the contract of `Operator`.

    Checked: shapes at every size, gradients to every parameter, agreement of float32, float64 and autocast, rebuilding from
    options and saved weights, independence of the samples in a batch, the treatment of coordinates, the same operator at
    finer resolutions unless the model has a ``resolution_bound``, and, where asked for, translation equivariance.

    Parameters
    ----------
    make
        Builds a model; called once, with torch's generator at a fixed seed.
    sizes
        Grid shapes to run at. The first one is the training resolution, and the only one used for a model with
        a ``resolution_bound``.
    batch
        Number of samples.
    equivariant
        The model is meant to commute with shifts of a periodic field by whole points.
    dtypes
        Types the model can compute in.

    Raises
    ------
    AssertionError
        Names the part of the contract that is broken.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make().eval()
    for size in sizes[: 1 if model.resolution_bound else None]:
        check_shape(model, batch, size)
    x = _fields(model, batch, sizes[0])
    check_gradients(model, x)
    check_dtypes(model, x, dtypes)
    if torch.float32 in dtypes:
        check_mixed_precision(model, x)
    check_rebuild(model, x)
    check_batch_independence(model, x)
    check_coordinates(model, x)
    if model.resolution_bound is None:
        check_refinement(model, sizes[0])
    if equivariant:
        check_translation(model, x)


def check_shape(model: Operator, batch: int, size: Sequence[int]) -> None:
    """The output has the input's batch and grid, and is finite."""
    y = model(_fields(model, batch, size))
    expected = (batch, model.out_channels, *size)
    assert y.shape == expected, f"output has shape {tuple(y.shape)}, expected {expected}"
    assert y.isfinite().all(), f"output is not finite at {tuple(size)}"


def check_gradients(model: Model, x: Tensor) -> None:
    """The output depends on every parameter and on the input."""
    x = x.clone().requires_grad_()
    model.zero_grad()
    model(x).square().sum().backward()
    for name, tensor in [*model.named_parameters(), ("the input", x)]:
        if tensor.requires_grad:
            assert tensor.grad is not None, f"no gradient reaches {name}"
            assert tensor.grad.isfinite().all(), f"the gradient of {name} is not finite"
            assert tensor.grad.any(), f"the gradient of {name} is zero"
    model.zero_grad()


def check_dtypes(model: Model, x: Tensor, dtypes: Sequence[torch.dtype]) -> None:
    """The output has the type of the weights, and its values hardly depend on that."""
    reference = model(x).double()
    for dtype in dtypes:
        copy = type(model)(**model.options).eval()
        copy.load_state_dict(model.state_dict())
        y = copy.to(dtype)(x.to(dtype))
        assert y.dtype == dtype, f"output is {y.dtype} for weights and input of {dtype}"
        assert_close(y.double(), reference, 1e-4, f"output in {dtype} differs from that in {x.dtype}")


def check_mixed_precision(model: Model, x: Tensor) -> None:
    """Under autocast to bfloat16 the output and the gradient are those in float32 to the rounding of bfloat16."""
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}

    def run() -> tuple[Tensor, tuple[Tensor, ...]]:
        y = model(x).float()
        return y, torch.autograd.grad(y.square().sum(), list(parameters.values()))

    y, gradients = run()
    with torch.autocast("cpu", torch.bfloat16):
        rounded_y, rounded_gradients = run()
    message = "under autocast to bfloat16 differs from that in float32"
    assert_close(rounded_y, y, 0.1, f"output {message}")
    for name, gradient in zip(parameters, rounded_gradients, strict=True):
        assert gradient.isfinite().all(), f"the gradient of {name} under autocast is not finite"
    # of all parameters together: a gradient that is next to nothing is lost in the rounding of others
    whole, rounded = (torch.cat([g.flatten() for g in gs]) for gs in (gradients, rounded_gradients))
    assert_close(rounded, whole, 0.1, f"gradient {message}")


def check_rebuild(model: Model, x: Tensor) -> None:
    """Options that went through JSON, and weights through a file of nothing but tensors, give the same model again."""
    weights = model.state_dict()
    for name, value in weights.items():
        assert isinstance(value, Tensor), f"state_dict entry {name} is a {type(value).__name__}, not a tensor"
    file = io.BytesIO()
    torch.save(weights, file)
    file.seek(0)
    copy = type(model)(**json.loads(json.dumps(model.options))).eval()
    copy.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(copy(x), model(x)), "the model rebuilt from its options and weights differs"


def check_batch_independence(model: Operator, x: Tensor) -> None:
    """Each sample's output is the one it has on its own."""
    alone = torch.cat([model(sample[None]) for sample in x])
    assert_close(model(x), alone, 1e-5, "the output of a sample depends on the others in its batch")


def check_coordinates(model: Operator, x: Tensor) -> None:
    """The grid points of the model's own convention are accepted, those of another are refused."""

    def points(change: dict[int, str]) -> list[Tensor]:
        axes = zip(x.shape[2:], model.grid, model.domain, strict=True)
        return [
            lower + (upper - lower) * unit_points(n, change.get(axis, convention)).to(x)
            for axis, (n, convention, (lower, upper)) in enumerate(axes)
        ]

    assert torch.equal(model(x, points({})), model(x)), (
        "stating the model's own coordinates changes its output"
    )
    for axis, convention in enumerate(model.grid):
        for other in CONVENTIONS.keys() - {convention}:
            try:
                model(x, points({axis: other}))
            except ValueError:
                continue
            raise AssertionError(f"axis {axis}: {other} points are accepted by a model for {convention} ones")


def check_refinement(model: Operator, size: Sequence[int], tolerance: float = 0.1) -> None:
    """The operator is the same at all resolutions: for a smooth input, refining ``size`` once or twice hardly differs."""
    once, twice = (refined_output(model, size, refinements) for refinements in (1, 2))
    message = "not one operator at all resolutions, and resolution_bound does not say so: the output for a smooth input depends on the grid"
    assert_close(once, twice, tolerance, message)


def refined_output(model: Operator, size: Sequence[int], refinements: int) -> Tensor:
    """Output for a smooth periodic input on the grid of ``size`` refined so many times, at the points of that of ``size``.

    A refinement halves the spacing, or divides it by three for centres, so that the coarser grid's points remain.
    """
    axes, shared = [], []
    for n, convention in zip(size, model.grid, strict=True):
        factor = (3 if convention == "centres" else 2) ** refinements
        points = (n - 1) * factor + 1 if convention == "vertices" else n * factor
        axes.append(2 * math.pi * unit_points(points, convention))
        shared.append(slice(factor // 2 if convention == "centres" else 0, None, factor))
    mesh = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    phases = torch.arange(model.in_channels, dtype=mesh.dtype).view(-1, 1, *[1] * len(axes))
    x = torch.cos(mesh - phases).sum(1) + torch.sin(mesh + phases).prod(1)
    dtype = next(p.dtype for p in model.parameters() if p.is_floating_point())
    with torch.no_grad():
        return model(x[None].to(dtype))[(..., *shared)]


def check_translation(model: Operator, x: Tensor) -> None:
    """Shifting a periodic input by whole points shifts the output."""
    for dim in range(2, x.ndim):
        shifted = model(x.roll(1, dim))
        assert_close(shifted, model(x).roll(1, dim), 1e-4, f"not equivariant to shifts along axis {dim - 2}")


def _fields(model: Operator, batch: int, size: Sequence[int]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch, model.in_channels, *size, generator=generator)


def assert_close(actual: Tensor, expected: Tensor, tolerance: float, message: str) -> None:
    error = float(((actual - expected).norm() / expected.norm()).detach())
    assert error <= tolerance, f"{message} (relative {error:.1e})"
