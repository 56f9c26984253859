import numpy as np
import pytest
import torch

from sciml.data import Moments


def test_against_numpy_on_ill_conditioned_data():
    # mean 1e8 and deviation 1: the textbook formula E x² − (E x)² keeps no digit of the variance
    data = 1e8 + np.random.default_rng(0).normal(size=(64, 2, 7, 5))
    moments = Moments(2)
    for batch in np.split(data, [1, 10, 33]):
        moments.update(torch.from_numpy(batch))
    rows = data.swapaxes(0, 1).reshape(2, -1)
    assert moments.count == rows.shape[1]
    np.testing.assert_allclose(moments.mean, rows.mean(1), rtol=1e-14)
    np.testing.assert_allclose(moments.std, rows.std(1), rtol=1e-9)
    np.testing.assert_array_equal(moments.minimum, rows.min(1))
    np.testing.assert_array_equal(moments.maximum, rows.max(1))
    np.testing.assert_allclose(moments.rms, np.sqrt((rows**2).mean(1)), rtol=1e-14)


def test_nonfinite_values_are_counted_and_not_hidden():
    moments = Moments(2)
    moments.update(torch.tensor([[[1.0, torch.nan, torch.inf]], [[1.0, 2.0, 3.0]]]).transpose(0, 1))
    assert moments.nonfinite.tolist() == [2, 0]
    assert not moments.mean[0].isfinite()
    assert moments.mean[1].item() == pytest.approx(2)
