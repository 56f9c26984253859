import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import UNO, check_operator, unit_points
from operators.bases import expansions
from operators.uno import resample, scaled

CONVENTIONS = ["half-open", "vertices", "centres"]


@pytest.mark.parametrize("grid", CONVENTIONS)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_contract(grid, dims):
    check_operator(
        lambda: UNO(2, 3, [4, 5, 4][:dims], 4, grid=grid, fractions=[0.5, 0.3]),
        sizes=[(6,) * dims, (9, 7, 6)[:dims], (12,) * dims],
    )


def test_contract_on_a_mixed_domain():
    check_operator(
        lambda: UNO(
            1,
            2,
            (4, 4),
            4,
            fractions=[0.4],
            domain=[(0, 2), (-1, 1)],
            grid=["vertices", "half-open"],
            zero_boundary=[True, False],
        ),
        sizes=[(7, 8), (12, 9)],
    )


def waves(*modes):
    return expansions(modes, "fourier", 0.0)


def polynomial(points, degree):
    """A trigonometric polynomial without symmetry."""
    k = torch.arange(-degree, degree + 1, dtype=torch.float64)
    return torch.cos(2 * math.pi * k[:, None] * points + 1.3 * k[:, None] + 0.4).sum(0)


@settings(deadline=None)
@given(n=st.integers(3, 20), m=st.integers(3, 20), convention=st.sampled_from(CONVENTIONS))
def test_resampling_is_exact_for_the_waves_that_both_grids_hold(n, m, convention):
    distinct = min(n, m) - (convention == "vertices")
    degree = (distinct - 1) // 2
    old, new = unit_points(n, convention), unit_points(m, convention)
    actual = resample(polynomial(old, degree)[None, :, None], [m], [convention], waves(40))[0, :, 0]
    torch.testing.assert_close(actual, polynomial(new, degree), rtol=1e-10, atol=1e-10)


def test_resampling_drops_the_waves_that_the_coarser_grid_lacks():
    s = unit_points(20, "half-open")
    wave = 1 + torch.cos(2 * math.pi * 5 * s)  # 10 points see it as ±1, 8 points as a wave of wavenumber 3
    for m in (10, 8):
        actual = resample(wave[None, :, None], [m], ["half-open"], waves(40))
        torch.testing.assert_close(actual, torch.ones(1, m, 1).double())


@pytest.mark.parametrize("m", [20, 12])
def test_resampling_passes_no_more_than_the_modes(m):
    s, t = unit_points(20, "half-open"), unit_points(m, "half-open")
    field = 1 + torch.cos(2 * math.pi * 2 * s) + torch.cos(2 * math.pi * 3 * s)
    actual = resample(field[None, :, None], [m], ["half-open"], waves(6))[0, :, 0]
    torch.testing.assert_close(actual, 1 + torch.cos(2 * math.pi * 2 * t))


@pytest.mark.parametrize(("basis", "padding"), [("cosine", 0.0), ("sine", 0.0), ("fourier", 0.3)])
def test_resampling_between_walls_needs_no_period(basis, padding):
    old, new = unit_points(41, "vertices"), unit_points(31, "vertices")
    actual = resample(old.exp()[None, :, None], [31], ["vertices"], expansions([16], basis, padding))[0, :, 0]
    assert (actual - new.exp()).abs().max() < 2e-2 * new.exp().max()


def test_resampling_takes_each_axis_by_itself():
    axes = [unit_points(9, "vertices"), unit_points(8, "half-open"), unit_points(7, "centres")]
    finer = [unit_points(13, "vertices"), unit_points(5, "half-open"), unit_points(8, "centres")]

    def field(points):
        x, y, z = (polynomial(s, degree) for s, degree in zip(points, (3, 2, 3), strict=True))
        return (x[:, None, None] * y[:, None] * z)[..., None].expand(2, -1, -1, -1, 3)

    actual = resample(field(axes), [13, 5, 8], ["vertices", "half-open", "centres"], waves(9, 9, 9))
    torch.testing.assert_close(actual, field(finer))


@given(n=st.integers(2, 400), more=st.integers(0, 400), fraction=st.floats(0.01, 0.99))
def test_modes_that_fit_on_the_first_level_fit_on_all(n, more, fraction):
    assert 1 <= scaled(n, fraction) <= scaled(n + more, fraction)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_converges_under_refinement(convention):
    """On a smooth periodic input the output at n points is that at 2n points, ever more exactly: no pixel is built in."""
    torch.manual_seed(0)
    model = UNO(1, 1, (6,), 8, grid=convention, coordinates=False).double()

    def error(n):
        coarse, fine = n + (convention == "vertices"), 2 * n + (convention == "vertices")
        y, expected = (
            model(torch.sin(2 * math.pi * unit_points(size, convention))[None, None]).detach()
            for size in (coarse, fine)
        )
        expected = resample(expected.mT, [coarse], [convention], waves(coarse)).mT
        return float((y - expected).norm() / expected.norm())

    assert error(32) < 1e-2
    assert error(128) < 1e-7


def test_levels_have_their_fractions():
    model = UNO(1, 1, (8, 6), 8, fractions=[0.5, 0.25], grid=["half-open", "vertices"])
    seen = []
    for block in (*model.down_blocks, model.lowest, *reversed(model.up_blocks)):
        block.register_forward_hook(lambda _, inputs, __: seen.append(tuple(inputs[0].shape)))
    model(torch.randn(3, 1, 16, 17))
    down = [(3, 16, 17, 8), (3, 8, 9, 16), (3, 4, 5, 32)]
    assert seen == [*down, *reversed(down[:-1])]
    assert [b.spectral.modes for b in (*model.down_blocks, model.lowest)] == [(8, 6), (4, 3), (2, 2)]


def test_coarse_levels_and_skips_both_matter():
    torch.manual_seed(0)
    model = UNO(1, 1, (4,), 4, fractions=[0.5])
    x = torch.randn(2, 1, 8)
    y = model(x)
    for part in (model.up, model.skips):
        kept = part[0].weight.data.clone()
        part[0].weight.data.zero_()
        assert (model(x) - y).norm() > 1e-2 * y.norm()
        part[0].weight.data.copy_(kept)
    assert torch.equal(model(x), y)


def test_gradients():
    torch.manual_seed(0)
    model = UNO(1, 1, (3, 2), 2, fractions=[0.5], grid=["centres", "vertices"]).double()
    x = torch.randn(1, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, x, check_forward_ad=True)


@pytest.mark.parametrize("fractions", [[], [1.0], [0.25, 0.5], [0.5, 0.5], [0.5, 0]])
def test_wrong_fractions(fractions):
    with pytest.raises(ValueError, match=r"fractions is .*give numbers that decrease"):
        UNO(1, 1, (4, 4), 4, fractions=fractions)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="mlp_ratio leaves no hidden channel at width 4"):
        UNO(1, 1, (4, 4), 4, mlp_ratio=0.1)
    with pytest.raises(ValueError, match="modes is 4; give one number for each axis"):
        UNO(1, 1, 4, 4)
    with pytest.raises(ValueError, match="axis 0 has 6 points, too few for the 8 Fourier modes"):
        UNO(1, 1, (8, 8), 4)(torch.ones(1, 1, 6, 16))
