import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from pdes.grid import Axis, Grid
from sciml.plots import plot_comparison


def draw(predicted: np.ndarray, true: np.ndarray, grid: Grid) -> Figure:
    return plot_comparison(np.ones_like(true), predicted, true, grid, names=("a", "u"), units="K")


def test_prediction_and_truth_share_the_limits_of_the_truth() -> None:
    grid = Grid([Axis("x", 6, periodic=True), Axis("y", 4, periodic=True)])
    true = np.linspace(1, 2, 2 * 24).reshape(2, 6, 4)
    fig = draw(3 * true, true, grid)
    for row in range(2):
        prediction, truth, error = (fig.axes[4 * row + column].images[0] for column in (1, 2, 3))
        assert prediction.get_clim() == truth.get_clim() == pytest.approx((true[row].min(), true[row].max()))
        assert prediction.get_cmap().name == truth.get_cmap().name == "viridis"
        assert error.get_clim() == pytest.approx((0, 2 * true[row].max()))
        assert truth.colorbar.extend == "max"  # the prediction leaves the scale, and the bar says so


def test_signed_fields_are_centred_at_zero() -> None:
    grid = Grid([Axis("x", 6, periodic=True), Axis("y", 4, periodic=True)])
    true = np.linspace(-1, 3, 24).reshape(1, 6, 4)
    truth = draw(true, true, grid).axes[2].images[0]
    assert truth.get_clim() == (-3, 3)
    assert truth.get_cmap().name == "RdBu_r"


def test_several_problems_name_their_own_fields() -> None:
    grid = Grid([Axis("x", 6), Axis("y", 4)])
    fields = np.random.default_rng(0).random((2, 6, 4))
    fig = plot_comparison(fields, fields, fields, grid, names=[("a", "u"), ("u", "a")])
    bars = [panel.images[0].colorbar for panel in fig.axes[:8]]
    quantities = [bar.ax.get_ylabel() for bar in bars if bar]  # a prediction shares the truth's
    assert quantities == ["a [–]", "u [–]", "|error| [–]", "u [–]", "a [–]", "|error| [–]"]
    assert [panel.get_title() for panel in fig.axes[:4]] == ["input", "prediction", "truth", "|error|"]
    with pytest.raises(ValueError, match="names has 1 pairs for 2 samples"):
        plot_comparison(fields, fields, fields, grid, names=[("a", "u")])


def test_columns_of_several_problems_are_named_each() -> None:
    fields = np.random.default_rng(0).random((2, 8))
    fig = plot_comparison(fields, fields, fields, Grid([Axis("x", 8)]), names=[("a", "u"), ("u", "a")])
    assert [panel.get_ylabel() for panel in fig.axes[:4]] == ["a", "u", "u [–]", "a [–]"]


def test_pixels_sit_on_their_points() -> None:
    grid = Grid([Axis("x", 5, convention="vertices"), Axis("y", 4, upper=2, convention="centres")])
    true = np.arange(20.0).reshape(1, 5, 4)
    image = draw(true, true, grid).axes[2].images[0]
    assert image.get_extent() == pytest.approx([-0.125, 1.125, 0, 2])
    assert image.origin == "lower"
    # first axis across, second up
    assert np.array_equal(np.asarray(image.get_array()), true[0].T)


def test_axes_and_quantities_carry_units() -> None:
    grid = Grid([Axis("x", 6), Axis("y", 4)])
    fig = draw(np.zeros((1, 6, 4)), np.ones((1, 6, 4)), grid)
    assert fig.axes[0].get_xlabel() == "x [–]"
    assert fig.axes[0].get_ylabel() == "y [–]"
    assert fig.axes[2].images[0].colorbar.ax.get_ylabel() == "u [K]"
    assert fig.axes[3].images[0].colorbar.ax.get_ylabel() == "|error| [K]"


def test_lines_show_the_error_below() -> None:
    grid = Grid([Axis("x", 8, periodic=True)])
    true = np.sin(np.arange(16.0)).reshape(2, 8)
    fig = draw(true + 0.25, true, grid)
    bottom = fig.axes[4]
    assert np.allclose(bottom.lines[0].get_ydata(), 0.25)
    assert bottom.get_xlabel() == "x [–]"


def test_volumes_show_their_middle_plane() -> None:
    grid = Grid([Axis("x", 4), Axis("y", 5), Axis("z", 6, upper=3)])
    true = np.arange(120.0).reshape(1, 4, 5, 6)
    fig = draw(true, true, grid)
    assert fig.get_suptitle() == "Slice at z = 1.5"
    assert np.array_equal(np.asarray(fig.axes[2].images[0].get_array()), true[0, :, :, 3].T)


def test_of_more_axes_the_first_two_are_shown() -> None:
    grid = Grid([Axis("x", 4), Axis("y", 5), Axis("z", 6, upper=3), Axis("t", 3, 0.0, 1.0, "vertices")])
    true = np.arange(360.0).reshape(1, 4, 5, 6, 3)
    fig = draw(true, true, grid)
    assert fig.get_suptitle() == "Slice at z = 1.5, t = 0.5"
    assert np.array_equal(np.asarray(fig.axes[1].images[0].get_array()), true[0, :, :, 3, 1].T)


def test_tensors_with_gradients_are_drawn() -> None:
    fields = torch.ones(1, 8, requires_grad=True)
    assert plot_comparison(fields, fields, fields, Grid([Axis("x", 8)]), names=("a", "u")).axes


def test_wrong_shapes_are_named() -> None:
    grid = Grid([Axis("x", 6), Axis("y", 4)])
    with pytest.raises(ValueError, match=r"prediction has shape \(1, 1, 6, 4\); expected .* \(1, 6, 4\)"):
        draw(np.ones((1, 1, 6, 4)), np.ones((1, 6, 4)), grid)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_without_an_input_its_panels_are_left_out(dims):
    grid = Grid([Axis(name, 8) for name in "xyz"[:dims]])
    truth = torch.rand(2, *grid.shape)
    with_input, without = (plot_comparison(i, truth, truth, grid, names=("a", "u")) for i in (truth, None))

    def panels(figure):
        return sum(bool(axes.get_subplotspec()) and axes.get_label() != "<colorbar>" for axes in figure.axes)

    assert panels(with_input) - panels(without) == 2
