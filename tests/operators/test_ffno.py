import pytest
import torch
import torch.nn.functional as F

from operators import FactorizedFNO, SpectralConv, check_operator
from operators.ffno import AxisConvolutions


@pytest.mark.parametrize("grid", ["half-open", "vertices", "centres"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_contract(grid, dims):
    check_operator(
        lambda: FactorizedFNO(2, 3, [4, 5, 4][:dims], 6, layers=2, grid=grid),
        sizes=[(6,) * dims, (9, 7, 6)[:dims], (12,) * dims],
    )


def test_contract_of_shared_weights():
    check_operator(
        lambda: FactorizedFNO(1, 1, (4, 4), 6, share_weights=True, coordinates=False),
        sizes=[(8, 8), (9, 11)],
        equivariant=True,
    )


def test_contract_on_a_mixed_domain():
    check_operator(
        lambda: FactorizedFNO(
            1,
            2,
            (4, 4),
            6,
            domain=[(0, 2), (-1, 1)],
            grid=["vertices", "half-open"],
            zero_boundary=[True, False],
        ),
        sizes=[(7, 8), (12, 9)],
    )


def test_in_one_dimension_it_is_a_plain_spectral_convolution():
    layer = AxisConvolutions(5, [6], grid=["vertices"])
    plain = SpectralConv(5, 5, [6], grid="vertices", bias=False)
    plain.load_state_dict(layer.axes[0].state_dict())
    x = torch.randn(3, 9, 5)
    torch.testing.assert_close(layer(x), plain.channels_last(x))


def test_each_axis_is_convolved_by_itself():
    """Along axis i the layer is a full spectral convolution whose weight does not depend on the other wavenumbers."""
    torch.manual_seed(0)
    sizes, grid = [5, 4, 6], ["half-open", "centres", "half-open"]
    layer = AxisConvolutions(2, [3, 4, 5], grid=grid).double()
    x = torch.randn(2, 3, *sizes, dtype=torch.float64)  # channels, batch, grid
    expected = torch.zeros_like(x)
    for axis, conv in enumerate(layer.axes):
        weight = torch.view_as_complex(conv.weight.detach())
        coefficients = torch.fft.fft(x, dim=axis + 2, norm="forward").movedim(axis + 2, 0)
        kept = torch.zeros_like(coefficients)
        for k, w in enumerate(weight):
            kept[k] = torch.einsum("ib...,io->ob...", coefficients[k], w)
            if 0 < k < sizes[axis] - k:  # a real field's other half; at the Nyquist wavenumber there is none
                kept[-k] = kept[k].conj()
        kept[0] = kept[0].real
        if sizes[axis] % 2 == 0:
            kept[sizes[axis] // 2] = kept[sizes[axis] // 2].real
        expected += torch.fft.ifft(kept.movedim(0, axis + 2), dim=axis + 2, norm="forward").real
    torch.testing.assert_close(layer(x.movedim(0, -1)).movedim(-1, 0).detach(), expected)


def test_layers_add_to_what_goes_in():
    torch.manual_seed(0)
    model = FactorizedFNO(1, 1, (4, 4), 6, layers=2)
    x = torch.randn(3, 8, 8, 6)
    y = x
    for convolution, mlp in zip(model.convolutions, model.feed_forward, strict=True):
        first, second = mlp.first, mlp.second
        hidden = F.gelu(F.linear(convolution(y), first.weight, first.bias))
        y = y + F.linear(hidden, second.weight, second.bias)
    torch.testing.assert_close(model.mix(x), y)
    for mlp in model.feed_forward:
        torch.nn.init.zeros_(mlp.second.weight)
        torch.nn.init.zeros_(mlp.second.bias)
    assert torch.equal(model.mix(x), x)


def test_shared_weights_are_one_set_and_used_by_all_layers():
    torch.manual_seed(0)
    shared = FactorizedFNO(1, 1, (4, 4), 6, layers=3, share_weights=True)
    own = FactorizedFNO(1, 1, (4, 4), 6, layers=3)
    weights = shared.state_dict()
    copies = {
        name.replace("convolutions.0", f"convolutions.{layer}"): value
        for layer in range(3)
        for name, value in weights.items()
    }
    own.load_state_dict(copies)
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(own(x), shared(x))
    spectral = 2 * 3 * 6 * 6 * 2  # axes, modes of a real field, width squared, real and imaginary part
    assert (
        sum(p.numel() for p in own.parameters()) - sum(p.numel() for p in shared.parameters()) == 2 * spectral
    )


def test_gradients():
    torch.manual_seed(0)
    model = FactorizedFNO(1, 1, (3, 2), 3, layers=2, zero_boundary=True).double()
    x = torch.randn(1, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, x, check_forward_ad=True)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="mlp_ratio leaves no hidden channel at width 4"):
        FactorizedFNO(1, 1, (4, 4), 4, mlp_ratio=0.1)
    with pytest.raises(ValueError, match="layers is 0; expected at least 1"):
        FactorizedFNO(1, 1, (4, 4), 4, layers=0)
    with pytest.raises(ValueError, match="modes is 4; give one number for each axis"):
        FactorizedFNO(1, 1, 4, 4)
    with pytest.raises(ValueError, match="axis 1 has 6 points, too few for the 8 Fourier modes"):
        FactorizedFNO(1, 1, (4, 8), 4)(torch.ones(1, 1, 16, 6))
