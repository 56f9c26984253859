import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from operators import GalerkinTransformer, check_operator, unit_points
from operators.galerkin import LinearAttention
from operators.testing import refined_output


def small(**options):
    defaults = {"dims": 1, "width": 8, "layers": 2, "heads": 2, "decoder_width": 6, "modes": 4}
    return GalerkinTransformer(2, 3, **{**defaults, **options})


@pytest.mark.parametrize("grid", ["half-open", "vertices", "centres"])
@pytest.mark.parametrize("coarse", [None, 7])
@pytest.mark.parametrize("dims", [1, 2])
def test_contract(grid, coarse, dims):
    check_operator(
        lambda: small(dims=dims, grid=grid, coarse=coarse), sizes=[(6,) * dims, (9, 7)[:dims], (12,) * dims]
    )


@pytest.mark.parametrize(
    "options",
    [
        {"attention": "fourier"},
        {"decoder": "pointwise", "dropout": 0.1},
        {
            "coarse": [4, 5],
            "zero_boundary": [True, False],
            "grid": ["vertices", "half-open"],
            "modes": [3, 4],
        },
        {"dims": 3, "coarse": 3},
    ],
)
def test_contract_of_options(options):
    dims = options.get("dims", 2)
    check_operator(lambda: small(**{"dims": dims, **options}), sizes=[(6,) * dims, (9, 7, 8)[:dims]])


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


@pytest.mark.parametrize("kind", ["galerkin", "fourier"])
@torch.no_grad()
def test_heads(kind):
    """The paper's formulas, head by head, with the sum over n points divided by n."""
    torch.manual_seed(0)
    n, d, heads = 5, 3, 2
    attention = LinearAttention(d * heads, heads, 1, kind).double()
    for norm in attention.norms:
        norm.scale.uniform_(0.5, 2)
        norm.shift.uniform_(-1, 1)
    x, s = random(1, n, d * heads), unit_points(n, "half-open")[:, None]
    columns = []
    for h in range(heads):
        part = slice(d * h, d * (h + 1))
        q, k, v = (layer(x[0])[:, part] for layer in (attention.query, attention.key, attention.value))
        to_normalise = (k, v) if kind == "galerkin" else (q, k)
        first, second = (
            F.layer_norm(y, (d,), norm.scale[h, 0], norm.shift[h, 0])
            for y, norm in zip(to_normalise, attention.norms, strict=True)
        )
        if kind == "galerkin":
            q, k, v = (torch.cat([y, s], 1) for y in (q, first, second))
            columns.append(q @ (k.T @ v) / n)
        else:
            q, k, v = (torch.cat([y, s], 1) for y in (first, second, v))
            columns.append((q @ k.T) @ v / (n * math.sqrt(d + 1)))
    expected = attention.out(torch.cat(columns, 1))
    weights = torch.full((n,), 1 / n, dtype=torch.float64)
    torch.testing.assert_close(attention(x, s, weights)[0], expected)


@pytest.mark.parametrize(("kind", "gain"), [("galerkin", 1e-2), ("fourier", 1e-3)])
def test_starts_near_a_small_multiple_of_the_identity(kind, gain):
    attention = LinearAttention(64, 4, 2, kind)
    for layer in (attention.query, attention.key, attention.value):
        noise = layer.weight.detach() - 0.01 * torch.eye(64)
        bound = gain * math.sqrt(6 / 128)
        assert 0.95 * bound < noise.abs().max() <= bound * (1 + 1e-5)
        assert not layer.bias.any()


@pytest.mark.parametrize(("grid", "order"), [("half-open", 1), ("vertices", 2), ("centres", 2)])
@pytest.mark.parametrize("options", [{}, {"attention": "fourier"}, {"coarse": 5}, {"decoder": "spectral"}])
def test_converges_under_refinement(grid, order, options):
    """The output changes less and less as the grid is refined, with the order of the convention's rule of integration."""
    torch.manual_seed(0)
    model = small(grid=grid, **{"decoder": "pointwise", **options}).double()
    for layer in model.layers:  # attention that matters beside the residual
        torch.nn.init.normal_(layer.attention.value.weight)
        torch.nn.init.normal_(layer.attention.query.weight, std=0.3)
    outputs = [refined_output(model, [32], refinement) for refinement in range(6)]
    changes = [float((b - a).norm() / b.norm()) for a, b in itertools.pairwise(outputs)]
    assert changes[0] < 0.02
    assert math.log(changes[-2] / changes[-1], 3 if grid == "centres" else 2) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("kind", ["galerkin", "fourier"])
@torch.no_grad()
def test_layers_add_to_large_features_and_do_not_multiply_them(kind):
    torch.manual_seed(0)
    layer = small(attention=kind, width=6).double().layers[0]
    for matrix in (layer.attention.query, layer.attention.key, layer.attention.value):
        torch.nn.init.normal_(matrix.weight, std=10)
    x, s = random(1, 5, 6), unit_points(5, "half-open")[:, None]
    weights = torch.full((5,), 0.2, dtype=torch.float64)
    added = [layer(scale * x, s, weights) - scale * x for scale in (1e4, 1e8)]
    torch.testing.assert_close(*added, rtol=1e-3, atol=1e-2)


def test_a_coarse_grid_sees_all_points():
    """Between two coarse points lie fine ones: each changes what the attention layers are given, and so all outputs."""
    torch.manual_seed(0)
    model = small(coarse=3, decoder="pointwise").double()
    x = random(1, 2, 33).requires_grad_()
    model(x)[0, 0, 0].backward()
    assert x.grad[0].abs().gt(0).all()


def test_drops_in_training_only():
    model = small(dropout=0.5)
    x = torch.randn(1, 2, 8)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_zero_boundary():
    y = small(grid="vertices", dims=2, zero_boundary=[True, False])(torch.randn(1, 2, 8, 8))
    assert not y[..., [0, -1], :].any()
    assert y[..., 1:-1, :].all()


def test_number_of_parameters():
    d, heads, p, c, w, m = 12, 3, 2, 2, 6, 4

    def linear(a, b):
        return a * b + b

    layer = (
        2 * 2 * d
        + 3 * linear(d, d)
        + 2 * 2 * d
        + linear(d + heads * p, d)
        + linear(d, 2 * d)
        + linear(2 * d, d)
    )
    lifting = linear(c + p, 2 * d) + linear(2 * d, d)
    spectral = linear(d + c + p, w) + 2 * (m * (m // 2 + 1) * w * w * 2 + w + w * w)
    projection = linear(w, 2 * w) + linear(2 * w, 3)
    model = small(dims=p, width=d, heads=heads, layers=5, decoder_width=w, modes=m)
    assert sum(q.numel() for q in model.parameters()) == lifting + 5 * layer + spectral + projection


@pytest.mark.parametrize("attention", ["galerkin", "fourier"])
def test_gradients(attention):
    torch.manual_seed(0)
    model = small(attention=attention, coarse=3, layers=1, width=4, decoder_layers=1, modes=2).double()
    assert torch.autograd.gradcheck(model, random(1, 2, 5).requires_grad_(), check_forward_ad=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "softmax"}, "unknown attention 'softmax'; choose one of galerkin, fourier"),
        ({"decoder": "cnn"}, "unknown decoder 'cnn'; choose spectral or pointwise"),
        ({"heads": 3}, r"width \(8\) must be a multiple of heads \(3\)"),
        ({"heads": 8}, "leaves 2 features or more"),
        ({"coarse": 1}, "coarse is 1; the coarse grid needs at least 2 points"),
        ({"coarse": [4, 4]}, "coarse has 2 entries but the model has 1 axes"),
        ({"modes": [4, 4]}, "modes has 2 entries but the model has 1 axes"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_too_few_points():
    with pytest.raises(ValueError, match="axis 0 has 6 points, too few for the 8 Fourier modes"):
        small(modes=8)(torch.ones(1, 2, 6))
