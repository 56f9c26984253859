import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciml.data import Normalizer

MODES = ["standard", "scale", "none"]


def fields(shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@settings(deadline=None)
@given(
    n=st.integers(2, 20),
    channels=st.integers(1, 4),
    grid=st.lists(st.integers(2, 5), min_size=1, max_size=3),
    size=st.integers(1, 20),
    seed=st.integers(0, 100),
)
def test_standard_is_numpy_over_all_data_however_batched(n, channels, grid, size, seed):
    data = 3 * fields((n, channels, *grid), seed) + 100
    normalizer = Normalizer.fit(data.split(size), "standard")
    axes = (0, *range(2, data.ndim))
    np.testing.assert_allclose(normalizer.mean, data.numpy().mean(axes), rtol=1e-13)
    np.testing.assert_allclose(normalizer.std, data.numpy().std(axes), rtol=1e-10)
    encoded = normalizer.encode(data).numpy()
    np.testing.assert_allclose(encoded.mean(axes), 0, atol=1e-10)
    np.testing.assert_allclose(encoded.std(axes), 1, rtol=1e-10)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("grid", [(9,), (6, 5), (3, 4, 5)])
def test_decode_inverts_encode_at_any_resolution(mode, grid):
    normalizer = Normalizer.fit([fields((8, 2, *[4] * len(grid))) * 5 - 2], mode)
    x = fields((3, 2, *grid), seed=1)
    torch.testing.assert_close(normalizer.decode(normalizer.encode(x)), x)


def test_scale_keeps_zero_and_sets_the_rms_to_one():
    data = fields((8, 2, 6)) + 4
    data[..., 0] = 0
    encoded = Normalizer.fit([data], "scale").encode(data)
    assert (encoded[..., 0] == 0).all()
    torch.testing.assert_close(encoded.square().mean((0, 2)), torch.ones(2, dtype=torch.float64))


def test_none_is_the_identity():
    x = fields((4, 2, 5))
    assert torch.equal(Normalizer.fit([x], "none").encode(x), x)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 / 3])
def test_constant_channel_has_unit_std(value):
    data = torch.full((3, 1, 7), value, dtype=torch.float64)
    normalizer = Normalizer.fit(data.split(1), "standard")
    assert normalizer.std.item() == 1
    assert normalizer.encode(data).abs().max() < 1e-9
    assert Normalizer.fit([torch.zeros(3, 1, 7)], "scale").std.item() == 1


@pytest.mark.parametrize("mode", MODES)
def test_state_loads_into_an_unfitted_one(mode):
    x = fields((5, 3, 4), dtype=torch.float32)
    fitted, fresh = Normalizer.fit([x + 2], mode), Normalizer(3, mode)
    assert torch.equal(fresh.encode(x), x)
    fresh.load_state_dict(fitted.state_dict())
    assert torch.equal(fresh.encode(x), fitted.encode(x))
    assert not list(fresh.parameters())


def test_dtype_follows_the_input():
    normalizer = Normalizer.fit([fields((5, 3, 4))])
    assert normalizer.mean.dtype == torch.float64
    assert normalizer.encode(torch.ones(1, 3, 4)).dtype == torch.float32
    assert Normalizer.fit([torch.tensor([[[True, False]]])]).mean.dtype == torch.get_default_dtype()


def test_errors():
    with pytest.raises(ValueError, match="no data"):
        Normalizer.fit([])
    with pytest.raises(ValueError, match="3 and 2 channels"):
        Normalizer.fit([torch.ones(1, 3, 4), torch.ones(1, 2, 4)])
    with pytest.raises(ValueError, match=r"\[0, 1\] NaN or inf"):
        Normalizer.fit([torch.tensor([[[1.0], [torch.nan]]])])
    with pytest.raises(ValueError, match="overflow"):
        Normalizer.fit([torch.tensor([[[1e200, 2e200]]], dtype=torch.float64)])
    with pytest.raises(ValueError, match="shape"):
        Normalizer.fit([torch.ones(3)])
    with pytest.raises(ValueError, match="unknown normalisation mode 'minmax'"):
        Normalizer(2, "minmax")
    with pytest.raises(ValueError, match="2 channel"):
        Normalizer(2).encode(torch.ones(1, 3, 4))
