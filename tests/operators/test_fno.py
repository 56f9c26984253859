import math

import pytest
import torch

from operators import FNO, check_operator, unit_points


@pytest.mark.parametrize("grid", ["half-open", "vertices", "centres"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_contract(grid, dims):
    check_operator(
        lambda: FNO(2, 3, [4, 5, 4][:dims], 6, layers=2, grid=grid),
        sizes=[(6,) * dims, (9, 7, 6)[:dims], (12,) * dims],
    )


def test_contract_without_coordinates():
    check_operator(lambda: FNO(1, 1, (4, 4), 6, coordinates=False), sizes=[(8, 8), (9, 11)], equivariant=True)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_contract_with_the_block_of_the_paper(dims):
    check_operator(
        lambda: FNO(2, 3, [4, 5, 4][:dims], 6, layers=2, block="paper"),
        sizes=[(6,) * dims, (9, 7, 6)[:dims], (12,) * dims],
    )


@torch.no_grad()
def test_block_of_the_paper():
    """σ(K v + W v) of one axis, with K from its definition as a sum over the kept waves."""
    torch.manual_seed(0)
    first, last = FNO(1, 1, [5], 3, layers=2, block="paper").double().blocks
    x = torch.randn(2, 16, 3, dtype=torch.float64)
    waves = torch.exp(2j * math.pi / 16 * torch.outer(torch.arange(3.0), torch.arange(16.0)).double())
    modes = torch.einsum("kj,bjc->bkc", waves.conj(), x.to(waves)) / 16
    for block, activation in (first, torch.nn.functional.gelu), (last, torch.nn.Identity()):
        mixed = torch.einsum("bkc,kcd->bkd", modes, torch.view_as_complex(block.spectral.weight))
        mixed[:, 1:] *= 2  # wavenumber -k has the conjugate
        convolved = torch.einsum("kj,bkd->bjd", waves, mixed).real + block.spectral.bias
        expected = activation(convolved + x @ block.skip.weight.T)
        torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-12)


def test_unknown_blocks_are_refused():
    with pytest.raises(ValueError, match="block is 'new'; choose modern or paper"):
        FNO(1, 1, [4], 3, block="new")


def test_contract_on_a_mixed_domain():
    check_operator(
        lambda: FNO(
            1,
            2,
            (4, 4),
            6,
            layers=1,
            domain=[(0, 2), (-1, 1)],
            grid=["vertices", "half-open"],
            zero_boundary=[True, False],
        ),
        sizes=[(7, 8), (12, 9)],
    )


@pytest.mark.parametrize("options", [{"padding": 0.25}, {"basis": "cosine"}, {"basis": "sine"}])
def test_between_walls_43_points_and_211_are_one_operator(options):
    """For a smooth input without a period, to second order in the spacing."""
    torch.manual_seed(0)
    model = FNO(1, 1, [8, 8], 8, grid="vertices", **options).double()

    def output(n):
        s = unit_points(n, "vertices")
        with torch.no_grad():
            y = model((torch.exp(s[:, None]) * torch.sin(2 * s[:, None] + s))[None, None])
        return y[..., :: (n - 1) // 42, :: (n - 1) // 42]

    coarse, fine, finer = (output(n) for n in (43, 211, 421))
    error = float((coarse - finer).norm() / finer.norm())
    assert error < 5e-3
    # errors are as the squares of the spacings, of 1, 1/5 and 1/10
    expected = (1 / 25 - 1 / 100) / (1 - 1 / 100)
    assert float((fine - finer).norm() / (coarse - finer).norm()) == pytest.approx(expected, rel=0.05)


PARITY = [
    ((8,), (16,)),
    ((7,), (15,)),
    ((8,), (8,)),
    ((8, 8), (16, 16)),
    ((7, 6), (16, 15)),
    ((6, 7), (6, 9)),
    ((4, 5, 6), (8, 8, 7)),
    ((5, 4, 5), (6, 4, 6)),
    ((6, 6), (15, 16)),
    ((5, 6), (7, 9)),
    ((4, 4, 4), (9, 5, 8)),
    ((5, 5, 5), (7, 5, 9)),
]


def theirs(modes, **options):
    neuralop = pytest.importorskip("neuralop.models")
    torch.manual_seed(0)
    return neuralop.FNO(n_modes=modes, in_channels=2, out_channels=3, hidden_channels=9, **options)


def relative(actual, expected):
    return float(((actual - expected).norm() / expected.norm()).detach())


@pytest.mark.parametrize(("modes", "size"), PARITY)
@torch.no_grad()
def test_agrees_with_neuralop(modes, size):
    model = theirs(modes, n_layers=2, lifting_channel_ratio=3, projection_channel_ratio=1.5)
    x = torch.randn(2, 2, *size)
    assert relative(FNO.from_neuralop(model)(x), model(x)) < 1e-5


@torch.no_grad()
def test_agrees_with_neuralop_without_coordinates():
    model = theirs((4, 4), positional_embedding=None)
    x = torch.randn(2, 2, 8, 8)
    assert relative(FNO.from_neuralop(model)(x), model(x)) < 1e-5


@torch.no_grad()
def test_mended_odd_axes_hold_the_operator_of_even_axes():
    """A spectral layer's output at x = 1/3, a point of both grids, does not depend on the resolution."""
    model = theirs((6, 6), positional_embedding=None)

    def at_a_third(layer, n):
        x = torch.arange(n) / n
        wave = torch.sin(2 * math.pi * (x[:, None] + 2 * x)) + torch.cos(2 * math.pi * x)
        return layer(wave.expand(1, 9, n, n))[0, :, n // 3, 0]

    mended = FNO.from_neuralop(model, mend_odd_axes=True).blocks[0].spectral
    shifted = FNO.from_neuralop(model).blocks[0].spectral
    torch.testing.assert_close(at_a_third(mended, 15), at_a_third(mended, 18), rtol=1e-4, atol=1e-5)
    assert relative(at_a_third(shifted, 15), at_a_third(shifted, 18)) > 0.1


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"factorization": "tucker", "rank": 0.5}, "factorization"),
        ({"norm": "group_norm"}, "norm"),
        ({"separable": True}, "separable"),
        ({"domain_padding": 0.1}, "domain_padding"),
        ({"fno_skip": "identity"}, "fno_skip"),
        ({"channel_mlp_skip": None}, "channel_mlp_skip"),
        ({"stabilizer": "tanh"}, "stabilizer"),
        ({"preactivation": True}, "preactivation"),
        ({"use_channel_mlp": False}, "use_channel_mlp"),
        ({"non_linearity": torch.relu}, "non_linearity"),
    ],
)
def test_neuralop_options_it_lacks_are_refused(options, name):
    with pytest.raises(ValueError, match=f"whose {name} is not") as error:
        FNO.from_neuralop(theirs((4, 4), n_layers=1, **options))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("grid", ["half-open", "vertices", "centres"])
def test_zero_boundary(grid):
    torch.manual_seed(0)
    model = FNO(1, 1, (4, 4), 6, grid=grid, zero_boundary=True)
    free = FNO(1, 1, (4, 4), 6, grid=grid)
    free.load_state_dict(model.state_dict())
    x = torch.randn(2, 1, 8, 9)
    y = model(x)
    for dim in (2, 3):
        at_walls = y.movedim(dim, 0)[{"half-open": [0], "vertices": [0, -1], "centres": []}[grid]]
        assert not at_walls.any()
    sx, sy = (unit_points(n, grid).float() for n in (8, 9))
    torch.testing.assert_close(y, free(x) * 16 * (sx * (1 - sx))[:, None] * sy * (1 - sy))


def test_zero_boundary_on_one_axis():
    y = FNO(1, 1, (4, 4), 6, grid="vertices", zero_boundary=[False, True])(torch.randn(1, 1, 8, 8))
    assert not y[..., [0, -1]].any()
    assert y[..., 0, 1:-1].all()


def test_gradients():
    torch.manual_seed(0)
    model = FNO(1, 1, (3, 2), 3, layers=2, zero_boundary=True).double()
    x = torch.randn(1, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, x, check_forward_ad=True)


def test_converges_under_refinement():
    """On a smooth periodic input the output converges as the grid is refined: no pixel is built in."""
    torch.manual_seed(0)
    model = FNO(1, 1, (6,), 8, coordinates=False).double()

    def output(n):
        s = unit_points(n, "half-open")
        return model(torch.sin(2 * math.pi * s)[None, None])[..., :: n // 16]

    finest = output(256)
    errors = [relative(output(n), finest) for n in (16, 32, 64)]
    assert errors[0] < 1e-2
    assert errors[2] < 1e-8


def test_wrong_arguments():
    with pytest.raises(ValueError, match="mlp_ratio leaves no hidden channel at width 4"):
        FNO(1, 1, (4, 4), 4, mlp_ratio=0.1)
    with pytest.raises(ValueError, match="zero_boundary has 1 entries but the model has 2 axes"):
        FNO(1, 1, (4, 4), 4, zero_boundary=[True])
    with pytest.raises(ValueError, match="axis 0 has 6 points, too few for the 8 Fourier modes"):
        FNO(1, 1, (8, 8), 4)(torch.ones(1, 1, 6, 16))


def test_torch_func():
    """Compiled kernels stand back for what torch.func puts in the place of tensors."""
    model = FNO(1, 1, modes=[4], width=6)
    x, direction = torch.randn(2, 2, 1, 16, generator=torch.Generator().manual_seed(0))
    _, slope = torch.func.jvp(model, (x,), (direction,))
    step = 1e-2
    expected = (model(x + step * direction) - model(x - step * direction)) / (2 * step)
    torch.testing.assert_close(slope, expected, rtol=1e-2, atol=1e-3)
    together = torch.func.vmap(model)(torch.stack([x, direction]))
    torch.testing.assert_close(together, torch.stack([model(x), model(direction)]))
