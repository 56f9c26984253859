import itertools
import math

import pytest
import torch

from operators import Transolver, check_operator
from operators.testing import refined_output
from operators.transolver import PhysicsAttention, slice_means


def small(**options):
    defaults = {"dims": 1, "width": 8, "layers": 2, "heads": 2, "slices": 5}
    return Transolver(2, 3, **{**defaults, **options})


@pytest.mark.parametrize("grid", ["half-open", "vertices", "centres"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_contract(grid, dims):
    check_operator(
        lambda: small(dims=dims, grid=grid), sizes=[(6,) * dims, (9, 7, 6)[:dims], (3,) * dims, (12,) * dims]
    )


def test_contract_without_coordinates():
    check_operator(lambda: small(dims=2, coordinates=False), sizes=[(6, 7), (8, 5)], equivariant=True)


@torch.no_grad()
def test_attention_is_the_formula_of_each_head():
    torch.manual_seed(0)
    attention = PhysicsAttention(6, 2, 4).double()
    attention.log_temperature.uniform_(-1, 1)
    x, w = torch.randn(5, 6).double(), torch.rand(5).double()
    columns = []
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        scores = attention.assignment(attention.keys(x)[:, part]) / attention.log_temperature[head].exp()
        s = scores.exp() / scores.exp().sum(1, keepdim=True)
        f = attention.values(x)[:, part]
        z = torch.stack([sum(w[i] * s[i, m] * f[i] for i in range(5)) / sum(w * s[:, m]) for m in range(4)])
        q, k, v = (z @ matrix.T for matrix in attention.tokens.weight.split(3))
        scores = (q @ k.T / math.sqrt(3)).exp()
        columns.append(s @ (scores / scores.sum(1, keepdim=True)) @ v)
    expected = attention.out(torch.cat(columns, 1))
    torch.testing.assert_close(attention(x[None], w)[0], expected)


def test_slices_share_every_point_among_them():
    keys = torch.randn(2, 4, 10, 3)
    shares = PhysicsAttention(12, 4, 7).slice_shares(keys)
    assert shares.shape == (2, 4, 10, 7)
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 4, 10))
    assert (shares > 0).all()


def test_tokens_are_means():
    """A constant field has its value in every slice, whatever the weights; an empty slice has a token of zero."""
    slices = torch.rand(6, 3)
    slices[:, 1] = 0
    means = slice_means(slices, torch.full((6, 2), 4.0), torch.rand(6))
    assert means[[0, 2]].flatten().tolist() == pytest.approx([4.0] * 4)
    assert not means[1].any()


def test_points_have_no_order():
    """Nothing but its coordinates tells the model where a point is."""
    torch.manual_seed(0)
    model = small(coordinates=False)
    x, order = torch.randn(2, 2, 9), torch.randperm(9)
    torch.testing.assert_close(model(x[..., order]), model(x)[..., order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("grid", "order"), [("half-open", 1), ("vertices", 2), ("centres", 2)])
def test_converges_under_refinement(grid, order):
    """The output changes less and less as the grid is refined, with the order of the convention's rule of integration."""
    torch.manual_seed(0)
    model = small(grid=grid).double()
    outputs = [refined_output(model, [16], refinement) for refinement in range(5)]
    changes = [float((b - a).norm() / b.norm()) for a, b in itertools.pairwise(outputs)]
    assert changes[0] < 0.01
    assert math.log(changes[-2] / changes[-1], 3 if grid == "centres" else 2) == pytest.approx(order, abs=0.1)


def test_zero_boundary():
    y = small(grid="vertices", dims=2, zero_boundary=[True, False])(torch.randn(1, 2, 8, 8))
    assert not y[..., [0, -1], :].any()
    assert y[..., 1:-1, :].all()


def test_number_of_parameters():
    d, heads, m, c, p = 12, 3, 7, 2, 2

    def linear(a, b):
        return a * b + b

    e = d // heads
    attention = 2 * linear(d, d) + linear(e, m) + heads + 3 * e * e + linear(d, d)
    layer = attention + 2 * 2 * d + linear(d, 2 * d) + linear(2 * d, d)
    ends = linear(c + p, 2 * d) + linear(2 * d, d) + 2 * d + linear(d, 2 * d) + linear(2 * d, 3)
    model = small(dims=p, width=d, heads=heads, layers=5, slices=m, mlp_ratio=2)
    assert sum(q.numel() for q in model.parameters()) == ends + 5 * layer


def test_gradients():
    torch.manual_seed(0)
    model = small(layers=1, width=4).double()
    assert torch.autograd.gradcheck(
        model, torch.randn(1, 2, 5, dtype=torch.float64, requires_grad=True), check_forward_ad=True
    )


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"width \(8\) must be a multiple of heads \(3\)"):
        small(heads=3)
    with pytest.raises(ValueError, match=r"heads \(2\) and slices \(0\) must each be at least 1"):
        small(slices=0)
    with pytest.raises(ValueError, match="mlp_ratio leaves no hidden channel at width 8"):
        small(mlp_ratio=0.1)
