import math

import pytest
import torch

from operators import LSM, check_operator
from operators.lsm import Convolution3d, NeuralSpectralBlock


def small(**options):
    defaults = {"dims": 2, "width": 4, "scales": 3, "patch": 2, "tokens": 3, "heads": 2, "frequencies": 3}
    return LSM(2, 3, **{**defaults, **options})


def block(channels=4, patch=(2, 3), frequencies=3):
    torch.manual_seed(0)
    return NeuralSpectralBlock(channels, heads=2, patch=patch, tokens=3, frequencies=frequencies).double()


@pytest.mark.parametrize("grid", ["half-open", "vertices", "centres"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_contract(grid, dims):
    # in 1-D a channel of few points, normalised, keeps hardly more than signs: more of both, else rounding decides
    size, width = {1: ((24,), 16), 2: ((8, 11), 4), 3: ((8, 11, 9), 4)}[dims]
    check_operator(lambda: small(dims=dims, grid=grid, width=width), sizes=[size])


@pytest.mark.parametrize("options", [{"scales": 5, "patch": 1}, {"patch": [1, 3], "zero_boundary": True}])
def test_contract_of_options(options):
    check_operator(lambda: small(**options), sizes=[(16, 17)])


@pytest.mark.parametrize("size", [(2, 3, 3), (2, 8, 8), (1, 4, 4), (4, 4, 4)])
def test_convolutions_of_a_short_axis_have_a_gradient_in_half_precision(size):
    torch.manual_seed(0)
    layer, x = Convolution3d(16, 16, 3, padding=1), torch.randn(3, 16, *size)

    def gradients():
        layer.zero_grad()
        inputs = x.clone().requires_grad_()
        y = layer(inputs)
        y.float().square().sum().backward()
        return y.detach(), inputs.grad, layer.weight.grad, layer.bias.grad

    expected = gradients()
    # freed at once: what torch forgets to write holds these
    [torch.full((n,), math.nan) for n in (64, 1_000, 10_000, 100_000)]
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast = gradients()
    for actual, reference in zip(under_autocast, expected, strict=True):
        torch.testing.assert_close(actual, reference)
    layer.to(torch.bfloat16)
    x = x.to(torch.bfloat16)
    for actual, reference in zip(gradients(), expected, strict=True):
        assert actual.dtype == torch.bfloat16
        torch.testing.assert_close(
            actual.float(), reference, rtol=0.1, atol=0.03 * float(reference.abs().max())
        )


def test_convolution_in_double_precision_is_torch_s():
    torch.manual_seed(0)
    layer, x = Convolution3d(2, 3, 3, padding=1, bias=False).double(), torch.randn(2, 2, 4, 5, 3).double()
    assert torch.equal(layer(x), torch.nn.functional.conv3d(x, layer.weight, padding=1))


def test_refuses_another_resolution():
    model = small(size=[8, 12])
    assert model(torch.randn(1, 2, 8, 12)).shape == (1, 3, 8, 12)
    with pytest.raises(
        ValueError,
        match=r"16 x 12 points but the model is for 8 x 12: its convolutions, .*; resample .* onto 8 x 12 points, or train",
    ):
        model(torch.randn(1, 2, 16, 12))


@torch.no_grad()
def test_block_is_the_formula_of_each_head():
    solver = block()
    x = torch.randn(5, 4).double()
    columns = []

    def attention(q, k, v):
        scores = (q @ k.T / math.sqrt(2)).exp()
        return scores / scores.sum(1, keepdim=True) @ v

    for head in range(2):
        part = slice(2 * head, 2 * head + 2)
        k, v = (y[:, part] for y in solver.key_value(x).chunk(2, 1))
        t = solver.latent[head] + attention(solver.latent[head], k, v)
        w = solver.series[head, 0]
        sines = sum(w[:, i - 1] * torch.sin(math.pi * i * t / 3) for i in (1, 2))
        cosines = sum(w[:, 2 + i] * torch.cos(math.pi * i * t / 3) for i in (0, 1, 2))
        t = t + sines + cosines
        columns.append(attention(solver.query(x)[:, part], t, t))
    torch.testing.assert_close(solver.solve(x[None])[0], x + torch.cat(columns, 1))


def test_patches_are_solved_apart():
    solver = block()
    x = torch.randn(2, 4, 4, 9, dtype=torch.float64)
    y = solver(x)
    for i, j in ((0, 0), (1, 2)):
        corner = (..., slice(2 * i, 2 * i + 2), slice(3 * j, 3 * j + 3))
        points = solver.solve(x[corner].flatten(2).mT)
        torch.testing.assert_close(y[corner].flatten(2).mT, points)


def test_padding_depends_on_the_patches_alone():
    """85 points with patches of 6 at 5 scales become the 96 of the paper's Darcy problem; the output has 85 again."""
    model = LSM(1, 1, dims=1, width=2, heads=1, patch=6)
    sizes = []
    model.solvers[0].register_forward_hook(lambda _module, inputs, _output: sizes.append(inputs[0].shape[2]))
    model.solvers[-1].register_forward_hook(lambda _module, inputs, _output: sizes.append(inputs[0].shape[2]))
    assert model(torch.randn(1, 1, 85)).shape == (1, 1, 85)
    assert sizes == [96, 6]


def test_number_of_parameters():
    d, tokens, n, patches = 8, 3, 5, 2
    model = small(width=d, scales=5, tokens=tokens, frequencies=n, patch=patches, heads=4)

    def linear(a, b):
        return a * b + b

    def pair(a, b, c):
        return 9 * a * b + b + 2 * b + 9 * b * c + c + 2 * c

    channels = [d, 2 * d, 4 * d, 8 * d, 8 * d]
    down = sum(pair(a, b, b) for a, b in zip([d, *channels[:-1]], channels, strict=True))
    up = pair(16 * d, 8 * d, 4 * d) + pair(8 * d, 4 * d, 2 * d) + pair(4 * d, 2 * d, d) + pair(2 * d, d, d)
    solvers = sum(tokens * c + c * (2 * n - 1) + linear(c, 2 * c) + linear(c, c) for c in channels)
    ends = linear(2 + 2, 2 * d) + linear(2 * d, d) + linear(d, 2 * d) + linear(2 * d, 3)
    assert sum(q.numel() for q in model.parameters()) == down + up + solvers + ends


def test_gradients():
    solver = block(patch=(2,))
    assert torch.autograd.gradcheck(
        solver, torch.randn(1, 4, 4, dtype=torch.float64, requires_grad=True), check_forward_ad=True
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": 4}, "dims is 4; an LSM has 1, 2 or 3 axes"),
        ({"scales": 1}, "scales is 1; give at least 2"),
        ({"heads": 3}, r"width \(4\) a multiple of heads"),
        ({"tokens": 0}, r"tokens \(0\)"),
        ({"patch": 0}, "patch is 0; a patch needs at least 1 point"),
        ({"size": [8]}, "size has 1 entries but the model has 2 axes"),
        ({"patch": [2]}, "patch has 1 entries but the model has 2 axes"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_a_grid_far_smaller_than_its_patches():
    with pytest.raises(
        ValueError, match=r"axis 1 has 4 points but patches of 2 points .* 3 scales need 8; use a smaller"
    ):
        small()(torch.randn(1, 2, 8, 4))
