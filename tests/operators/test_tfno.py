import itertools
import sys

import pytest
import torch

from operators import FNO, TFNO, FactorizedSpectralConv, SpectralConv, check_operator

FACTORIZATIONS = ["CP", "Tucker", "TT"]


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_contract(factorization, dims):
    check_operator(
        lambda: TFNO(2, 3, [4, 5, 4][:dims], 6, factorization=factorization, rank=0.4, layers=2),
        sizes=[(6,) * dims, (9, 7, 6)[:dims]],
    )


@pytest.mark.parametrize("grid", ["vertices", "centres"])
def test_contract_of_other_grids(grid):
    check_operator(lambda: TFNO(1, 1, (4, 4), 6, grid=grid, zero_boundary=True), sizes=[(8, 8), (9, 11)])


def test_contract_with_the_block_of_the_paper():
    check_operator(lambda: TFNO(2, 3, [4, 5], 6, block="paper", rank=0.4, layers=2), sizes=[(6, 7), (9, 7)])


WALLS = [
    {"basis": "sine"},
    {"basis": "cosine"},
    {"padding": 0.25},
    {"basis": ["cosine", "fourier"], "padding": [0, 0.5]},
]


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
@pytest.mark.parametrize("options", WALLS)
def test_contract_between_walls(factorization, options):
    check_operator(
        lambda: TFNO(
            1, 2, (4, 5), 6, grid="centres", **options, layers=2, rank=0.4, factorization=factorization
        ),
        sizes=[(8, 7), (9, 11)],
    )


def test_contract_without_coordinates():
    check_operator(
        lambda: TFNO(1, 1, (4, 4), 6, coordinates=False), sizes=[(8, 8), (9, 11)], equivariant=True
    )


def entry(layer, index):
    """One entry of the weight, summed over the ranks by the definition of the factorisation."""
    factors = [f.detach() for f in layer.factors.factors]
    if layer.factorization == "CP":
        terms = layer.factors.weights.detach()
        for f, i in zip(factors, index, strict=True):
            terms = terms * f[i]
        return terms.sum()
    if layer.factorization == "TT":
        product = torch.ones(1, 1, dtype=torch.cdouble)
        for f, i in zip(factors, index, strict=True):
            product = product @ f[:, i]
        return product.squeeze()
    core, total = layer.factors.core.detach(), torch.zeros((), dtype=torch.cdouble)
    for place in itertools.product(*map(range, core.shape)):
        term = core[place]
        for f, i, r in zip(factors, index, place, strict=True):
            term = term * f[i, r]
        total = total + term
    return total


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
def test_weight_is_the_sum_over_its_factors(factorization):
    torch.manual_seed(0)
    layer = FactorizedSpectralConv(3, 4, [3, 4], factorization=factorization, rank=0.4).double()
    weight = torch.view_as_complex(layer.weight.detach())
    assert weight.shape == (3, 3, 3, 4)
    for index in itertools.product((0, 2), (1, 2), (0, 2), (0, 3)):
        torch.testing.assert_close(weight[index], entry(layer, index))


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
def test_agrees_with_a_dense_layer_of_the_same_weight(factorization):
    layer = FactorizedSpectralConv(3, 4, [3, 4], factorization=factorization, rank=0.4)
    dense = SpectralConv(3, 4, [3, 4])
    dense.load_state_dict({"weight": layer.weight.detach(), "bias": layer.bias.detach()})
    x = torch.randn(2, 3, 8, 7)
    torch.testing.assert_close(layer(x), dense(x))


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
@pytest.mark.parametrize("batch", [1, 64])
def test_factors_one_by_one_give_what_the_dense_weight_gives(factorization, batch):
    """Whatever the order of the products, which depends on the number of samples."""
    torch.manual_seed(0)
    layer = FactorizedSpectralConv(6, 5, [6, 4], factorization=factorization, rank=0.3).double()
    z = torch.randn(batch, *layer.kept, 6, dtype=torch.cdouble, requires_grad=True)
    found, expected = layer.mix(z), SpectralConv.mix(layer, z)
    torch.testing.assert_close(found, expected)
    seed = torch.randn_like(found)
    inputs = [z, *layer.factors.parameters()]
    for a, b in zip(*(torch.autograd.grad(y, inputs, seed) for y in (found, expected)), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("factorization", ["CP", "Tucker"])
def test_few_samples_need_no_dense_weight(factorization):
    layer = FactorizedSpectralConv(32, 32, [24, 24], factorization=factorization)
    assert not layer.prefers_dense(1)
    assert layer.prefers_dense(20)


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
def test_a_block_is_the_same_with_and_without_the_dense_weight(factorization, monkeypatch):
    torch.manual_seed(0)
    model, x = TFNO(1, 1, (4, 4), 6, factorization=factorization), torch.randn(2, 1, 9, 8)
    outputs = []
    for dense in (True, False):
        monkeypatch.setattr(FactorizedSpectralConv, "prefers_dense", lambda *_, dense=dense: dense)
        outputs.append(model(x).detach())
    torch.testing.assert_close(*outputs)


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
def test_starts_at_the_scale_of_a_dense_weight(factorization):
    layer = FactorizedSpectralConv(16, 16, [8, 8], factorization=factorization, bias=False)
    dense = SpectralConv(16, 16, [8, 8], bias=False)
    assert float(layer.weight.detach().std()) == pytest.approx(float(dense.weight.detach().std()), rel=0.05)


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
def test_a_tenth_of_the_rank_has_an_eighth_of_the_parameters_of_an_fno(factorization):
    tfno = TFNO(1, 1, [24, 24], 32, factorization=factorization, rank=0.1)
    assert count(FNO(1, 1, [24, 24], 32)) >= 8 * count(tfno)


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
@pytest.mark.parametrize("rank", [0.05, 0.3, 1.0])
def test_rank_is_the_share_of_parameters(factorization, rank):
    layer = FactorizedSpectralConv(16, 16, [12, 12], factorization=factorization, rank=rank, bias=False)
    dense = SpectralConv(16, 16, [12, 12], bias=False)
    assert count(layer) == pytest.approx(rank * count(dense), rel=0.15)


@pytest.mark.parametrize("factorization", FACTORIZATIONS)
def test_gradients(factorization):
    torch.manual_seed(0)
    layer = FactorizedSpectralConv(1, 2, [3, 2], factorization=factorization, rank=1.0).double()
    x = torch.randn(1, 1, 5, 4, dtype=torch.float64)
    names, values = zip(*layer.named_parameters(), strict=True)

    def call(*parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(call, values)


def test_missing_tltorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "tltorch", None)
    with pytest.raises(ImportError, match="need tensorly-torch: pip install tensorly-torch"):
        TFNO(1, 1, (4, 4), 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factorization": "SVD"}, "unknown factorization 'SVD'; choose one of CP, Tucker, TT"),
        ({"rank": 0}, "rank is 0; give the share"),
        ({"rank": 12}, "rank is 12; give the share"),
        (
            {"factorization": "CP", "rank": 0.001},
            r"rank 0.001 leaves no factor of a weight of shape \(4, 3, 6, 6\)",
        ),
        ({"mlp_ratio": 0.01}, "mlp_ratio leaves no hidden channel"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        TFNO(1, 1, (4, 4), 6, **options)


def test_modes_must_be_a_list():
    with pytest.raises(ValueError, match=r"modes is 4; give one number for each axis, such as \[4\]"):
        TFNO(1, 1, 4, 6)
