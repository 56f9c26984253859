import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import SpectralConv, unit_points


def wavenumbers(m, last):
    return range(m // 2 + 1) if last else [*range(m - m // 2), *range(-(m // 2), 0)]


def oracle(layer, x):
    """The layer by one full transform of all axes, with each kept coefficient placed by its wavenumber."""
    dims = list(range(2, x.ndim))
    full = torch.fft.rfftn(x, dim=dims, norm="forward")
    out = full.new_zeros(x.shape[0], layer.weight.shape[-2], *full.shape[2:])
    weight = torch.view_as_complex(layer.weight.detach())
    axes = [list(enumerate(wavenumbers(m, i == len(dims) - 1))) for i, m in enumerate(layer.modes)]
    for place in itertools.product(*axes):
        index, k = zip(*place, strict=True)
        out[(..., *k)] = full[(..., *k)] @ weight[index]
    y = torch.fft.irfftn(out, s=x.shape[2:], dim=dims, norm="forward")
    return y + layer.bias.detach().view(-1, *[1] * len(dims))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), dims=st.integers(1, 3))
def test_matches_a_full_transform(data, dims):
    modes = data.draw(st.lists(st.integers(1, 6), min_size=dims, max_size=dims))
    extra = data.draw(st.lists(st.integers(0, 3), min_size=dims, max_size=dims))
    layer = SpectralConv(2, 3, modes).double()
    x = torch.randn(2, 2, *[max(2, m + e) for m, e in zip(modes, extra, strict=True)]).double()
    torch.testing.assert_close(layer(x).detach(), oracle(layer, x))


def field(points):
    """A field with wavenumbers up to 2 on each axis, without symmetry, at the points of a unit grid."""
    mesh = torch.meshgrid(*points, indexing="ij")
    total = torch.zeros_like(mesh[0])
    for k in itertools.product(range(-2, 3), repeat=len(points)):
        phase = 2 * math.pi * sum(a * s for a, s in zip(k, mesh, strict=True))
        total += torch.cos(phase + sum((i + 1.3) * a for i, a in enumerate(k))) / (1 + sum(map(abs, k)))
    return total[None, None]


@pytest.mark.parametrize("convention", ["half-open", "vertices", "centres"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_is_one_operator_at_all_resolutions(convention, dims):
    layer = SpectralConv(1, 2, [5] * dims, grid=convention).double()

    def output(sizes):
        return layer(field([unit_points(n, convention) for n in sizes])).detach()

    coarse, fine = output(range(9, 9 + dims)), output(range(13, 13 + dims))
    # both are trigonometric polynomials, so their coefficients tell whether they are the same function
    expected, actual = (layer.transform(y.movedim(1, -1)).movedim(-1, 1) for y in (coarse, fine))
    if convention == "centres":  # the transform sees the shift by half a cell, which differs between the two
        for axis in range(dims):
            k = torch.tensor(list(wavenumbers(5, axis == dims - 1)), dtype=torch.float64)
            turn = torch.exp(1j * math.pi * k * (1 / (13 + axis) - 1 / (9 + axis)))
            expected = expected * turn.view(-1, *[1] * (dims - 1 - axis))
    assert (actual - expected).abs().max() < 1e-12 * expected.abs().max()
    assert actual.abs().flatten(2).gt(1e-6).all()  # not a comparison of nothing


@pytest.mark.parametrize("convention", ["half-open", "centres"])
def test_conventions_give_the_same_function(convention):
    """Sampled on any convention, a field gives the values of one and the same output function."""
    torch.manual_seed(0)
    n = 12
    layers = {c: SpectralConv(1, 1, [5], grid=c).double() for c in (convention, "vertices")}
    layers["vertices"].load_state_dict(layers[convention].state_dict())
    common = {"half-open": unit_points(n, "half-open"), "centres": unit_points(n // 3, "centres")}[convention]
    values = {}
    for c, layer in layers.items():
        # vertices i/24 hold both the half-open points i/12 and the centres (2j+1)/8 = (6j+3)/24
        points = unit_points(25 if c == "vertices" else common.numel() * 3, c)
        keep = [int((points - s).abs().argmin()) for s in common]
        assert torch.allclose(points[keep], common)
        values[c] = layer(field([points]))[..., keep]
    torch.testing.assert_close(values[convention], values["vertices"])


def test_vertices_repeat_the_period():
    y = SpectralConv(1, 2, [4, 4], grid=["vertices", "half-open"])(torch.randn(2, 1, 7, 6))
    assert y.shape == (2, 2, 7, 6)
    assert torch.equal(y[:, :, 0], y[:, :, -1])


def test_shifting_a_periodic_axis_shifts_the_output():
    layer = SpectralConv(2, 2, [4, 5]).double()
    x = torch.randn(2, 2, 9, 8).double()
    torch.testing.assert_close(layer(x.roll((2, 3), (2, 3))), layer(x).roll((2, 3), (2, 3)))


@pytest.mark.parametrize("convention", ["half-open", "vertices"])
def test_gradients(convention):
    layer = SpectralConv(1, 2, [3, 2], grid=convention).double()
    x = torch.randn(1, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    names, values = zip(*layer.named_parameters(), strict=True)

    def call(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(call, (x, *values), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(call, (x, *values))


def test_starts_with_unit_gain():
    torch.manual_seed(0)
    layer = SpectralConv(64, 64, [16], bias=False)
    x = torch.fft.irfft(torch.randn(8, 64, 9, dtype=torch.cfloat), n=32, norm="forward")
    assert float(layer(x).detach().std() / x.std()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("convention", "needed"), [("half-open", 8), ("vertices", 9)])
def test_too_few_points(convention, needed):
    layer = SpectralConv(1, 1, [4, 8], grid=convention)
    layer(torch.randn(1, 1, needed, needed))
    with pytest.raises(
        ValueError, match=rf"axis 1 has {needed - 1} points.* 8 Fourier modes.*at least {needed} points"
    ):
        layer(torch.randn(1, 1, needed, needed - 1))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="positive number for each axis"):
        SpectralConv(1, 1, [4, 0])
    with pytest.raises(ValueError, match="2 grid axes but modes are given for 1"):
        SpectralConv(1, 1, [4])(torch.randn(1, 1, 8, 8))
