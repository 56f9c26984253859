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


def expanded(points, modes, basis, padding):
    """The functions of each axis at its points, by their definitions."""
    angle = math.pi * points[:, None]
    if basis == "sine":
        return 2**0.5 * torch.sin(angle * torch.arange(1, modes + 1))
    if basis == "cosine":
        return torch.cos(angle * torch.arange(modes)) * torch.tensor([1] + [2**0.5] * (modes - 1))
    return torch.exp(2j * angle / (1 + padding) * torch.tensor(wavenumbers(modes, last=False)))


@pytest.mark.parametrize(
    "bases", [("sine", "cosine"), ("cosine", "fourier"), ("fourier", "sine"), ("sine", "fourier", "fourier")]
)
def test_maps_the_modes_of_each_axis(bases):
    """A field of one function on each axis comes back as that function, with the entry of the weight that belongs to it."""
    modes, sizes = (3, 5, 3)[: len(bases)], (8, 9, 7)[: len(bases)]
    layer = SpectralConv(1, 1, modes, basis=bases, grid="vertices", bias=False).double()
    weight = torch.view_as_complex(layer.weight.detach()) if layer.parts == 2 else layer.weight.detach()
    functions = [
        expanded(unit_points(n, "vertices"), m, b, 0) for n, m, b in zip(sizes, modes, bases, strict=True)
    ]
    for place in itertools.product(*map(range, layer.kept)):
        waves = [place[i] for i, b in enumerate(bases) if b == "fourier"]
        if any(waves) and not waves[-1]:
            continue  # the conjugate has a weight of its own
        product = torch.ones((), dtype=torch.cdouble)
        for f, index in zip(functions, place, strict=True):
            product = product[..., None] * f[:, index]
        y = layer(product.real[None, None]).detach()[0, 0]
        torch.testing.assert_close(y, (product * weight[place].squeeze()).real, rtol=0, atol=1e-12)


def aperiodic(points):
    """A smooth field that neither is periodic nor vanishes at the walls."""
    mesh = torch.meshgrid(*points, indexing="ij")
    return (torch.exp(mesh[0]) * torch.sin(2 * sum(mesh) + 0.3))[None, None]


@pytest.mark.parametrize("convention", ["vertices", "centres"])
@pytest.mark.parametrize(
    ("basis", "padding"),
    [("sine", 0.0), ("cosine", 0.0), ("fourier", 0.25), (["cosine", "fourier"], [0.0, 0.4])],
)
def test_is_one_operator_at_all_resolutions_between_walls(convention, basis, padding):
    """Trained at 43 points it is the same at 211: outputs at common points differ by second order."""
    layer = SpectralConv(1, 1, [7, 7], grid=convention, basis=basis, padding=padding).double()

    def output(factor):
        n = 14 * factor + 1 if convention == "vertices" else 14 * factor
        start = factor // 2 if convention == "centres" else 0
        axis = unit_points(n, convention)
        return layer(aperiodic([axis, axis])).detach()[0, 0, start::factor, start::factor]

    *others, finest = (output(factor) for factor in (3, 9, 81))
    errors = [float((y - finest).norm() / finest.norm()) for y in others]
    assert errors[0] < 0.02
    assert math.log(errors[0] / errors[1], 3) > 1.9


@pytest.mark.parametrize("basis", ["sine", "cosine"])
def test_what_happens_at_the_walls(basis):
    """Sines vanish there; cosines do not, but their slope does."""
    y = (
        SpectralConv(1, 1, [6], basis=basis, grid="vertices", bias=False)
        .double()(torch.randn(1, 1, 401).double())[0, 0]
        .detach()
    )
    slope = float((y[1] - y[0]).abs() / y.diff().abs().max())
    if basis == "sine":
        assert y[[0, -1]].abs().max() < 1e-12 * y.abs().max()
        assert slope > 0.05
    else:
        assert y[[0, -1]].abs().max() > 1e-3 * y.abs().max()
        assert slope < 0.05


def test_padding_lets_the_ends_of_an_axis_differ():
    torch.manual_seed(0)
    x = torch.randn(1, 1, 33)
    for padding, together in ((0.0, True), (0.25, False)):
        y = SpectralConv(1, 1, [8], grid="vertices", padding=padding)(x)[0, 0].detach()
        assert torch.isclose(y[0], y[-1], atol=1e-5) == together


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


@pytest.mark.parametrize(
    "options", [{"basis": ["sine", "cosine"]}, {"basis": ["cosine", "fourier"]}, {"padding": 0.5}]
)
def test_gradients_between_walls(options):
    layer = SpectralConv(1, 2, [3, 2], grid="vertices", **options).double()
    x = torch.randn(1, 1, 6, 5, dtype=torch.float64, requires_grad=True)
    names, values = zip(*layer.named_parameters(), strict=True)

    def call(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(call, (x, *values), check_forward_ad=True)


@pytest.mark.parametrize("basis", ["sine", "cosine"])
def test_starts_with_unit_gain_between_walls(basis):
    torch.manual_seed(0)
    layer = SpectralConv(64, 64, [16], bias=False, basis=basis, grid="centres")
    x = layer.inverse(torch.randn(8, 16, 64), [64]).mT
    assert float(layer(x).detach().std() / x.std()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("convention", "basis", "needed"),
    [("vertices", "sine", 10), ("centres", "sine", 9), ("centres", "cosine", 8)],
)
def test_too_few_points_between_walls(convention, basis, needed):
    layer = SpectralConv(1, 1, [8], grid=convention, basis=basis)
    layer(torch.randn(1, 1, needed))
    with pytest.raises(
        ValueError,
        match=rf"too few for the 8 {basis.capitalize()} modes kept there; use at least {needed} points",
    ):
        layer(torch.randn(1, 1, needed - 1))


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
    with pytest.raises(ValueError, match="odd_axis_shift is for fourier axes without padding"):
        SpectralConv(1, 1, [4, 4], basis="sine", odd_axis_shift=True)
    with pytest.raises(ValueError, match="2 grid axes but modes are given for 1"):
        SpectralConv(1, 1, [4])(torch.randn(1, 1, 8, 8))
