import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from sciml.plots import plot_spacetime

X, T = np.linspace(-1, 1, 21), np.linspace(0, 3, 13)
TRUTH = np.sin(np.pi * X)[:, None] * np.exp(-T)


def draw(error: float, **options: np.ndarray) -> Figure:
    return plot_spacetime(X, T, TRUTH + error, TRUTH, field="u", **options)


def test_maps_share_limits_and_the_error_is_logarithmic() -> None:
    prediction, truth, error = (panel.images[0] for panel in draw(0.01).axes[:3])
    assert prediction.get_clim() == truth.get_clim() == pytest.approx((-1, 1))
    assert isinstance(error.norm, LogNorm)
    assert error.get_clim()[1] == pytest.approx(0.01)
    # time across, space up
    assert np.asarray(truth.get_array()).shape == (21, 13)
    assert truth.get_extent() == pytest.approx([-0.125, 3.125, -1.05, 1.05])


def test_snapshots_are_taken_at_their_times() -> None:
    panels = [panel for panel in draw(0.01).axes if panel.get_title().startswith("t =")]
    assert [panel.get_title() for panel in panels] == ["t = 0", "t = 1", "t = 2", "t = 3"]
    for panel, column in zip(panels, (0, 4, 8, 12), strict=True):
        truth, prediction = panel.lines
        assert np.allclose(truth.get_ydata(), TRUTH[:, column])
        assert np.allclose(prediction.get_ydata(), TRUTH[:, column] + 0.01)


def test_an_exact_prediction_is_drawn() -> None:
    error = draw(0.0).axes[2].images[0]
    assert not np.asarray(error.get_array()).any()


def test_points_lie_at_their_time_and_place() -> None:
    points = np.array([[0.5, 2.0], [-0.5, 1.0]])
    (scatter,) = draw(0.01, points=points).axes[0].lines
    assert list(scatter.get_xdata()) == [2, 1]
    assert list(scatter.get_ydata()) == [0.5, -0.5]


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"prediction has shape \(13, 21\); expected \(n_x, n_t\) = \(21, 13\)"
    ):
        plot_spacetime(X, T, TRUTH.T, None, field="u")
    with pytest.raises(ValueError, match=r"points have shape \(3,\)"):
        draw(0.01, points=np.ones(3))
