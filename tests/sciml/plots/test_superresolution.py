import pytest

from sciml.plots import plot_superresolution


def rows(*errors: float) -> list[dict[str, object]]:
    return [
        {"resolution": 16 * 2**i, "rel_l2": error, "interpolated_rel_l2": 2 * error if i else None}
        for i, error in enumerate(errors)
    ]


def test_model_control_and_training_resolution_are_drawn() -> None:
    panel = plot_superresolution(rows(0.1, 0.2, 0.3), 16).axes[0]
    training, control, model = panel.lines
    assert list(training.get_xdata()) == [16, 16]
    assert list(control.get_xdata()) == [32, 64]
    assert list(control.get_ydata()) == pytest.approx([0.4, 0.6])
    assert list(model.get_xdata()) == [16, 32, 64]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["16", "32", "64"]
    assert panel.get_xscale() == "log"


@pytest.mark.parametrize(("errors", "scale"), [((0.1, 0.11), "linear"), ((0.001, 0.2), "log")])
def test_errors_within_a_decade_are_shown_from_zero(errors: tuple[float, float], scale: str) -> None:
    panel = plot_superresolution(rows(*errors), 16).axes[0]
    assert panel.get_yscale() == scale
    if scale == "linear":
        assert panel.get_ylim()[0] == 0


def test_ticks_name_all_sizes_of_an_uneven_grid() -> None:
    uneven = [{"resolution": [16, 64], "rel_l2": 0.1, "interpolated_rel_l2": None}]
    panel = plot_superresolution(uneven, [16, 64]).axes[0]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["16×64"]
    assert list(panel.lines[-1].get_xdata()) == pytest.approx([32])


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        plot_superresolution([], 16)
