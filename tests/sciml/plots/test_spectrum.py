import numpy as np
import pytest

from sciml.plots import plot_spectrum


def test_the_mean_is_left_out_and_the_training_grid_marked() -> None:
    k = np.arange(33)
    panel = plot_spectrum(k, np.exp(-k / 4), np.full(33, 1e-3), train_nyquist=8).axes[0]
    truth, error, nyquist = panel.lines
    assert list(truth.get_xdata()) == list(range(1, 33))
    assert error.get_label() == "error"
    assert list(nyquist.get_xdata()) == [8, 8]
    assert panel.get_xscale() == panel.get_yscale() == "log"


@pytest.mark.parametrize("error", [np.zeros(9), np.r_[0, 1e-30 * np.ones(8)]])
def test_rounding_does_not_take_the_axis(error: np.ndarray) -> None:
    k = np.arange(9)
    low, high = plot_spectrum(k, 1.0 / (1 + k), error).axes[0].get_ylim()
    assert 0 < low < high
    assert high / low < 1e13
