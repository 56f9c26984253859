import pytest

from sciml.plots import plot_history


def test_losses_metrics_and_rate_go_to_their_panels() -> None:
    records = [
        {"step": i, "wall_s": 0.1, "stage": "adam", "pde": 1.0, "boundary": 2.0, "lr": 1e-3 / (i + 1)}
        for i in range(5)
    ]
    records[-1]["rel_l2"] = 0.1
    assert len(plot_history(records).axes) == 2  # one value has no history
    records[-2]["rel_l2"] = 0.2
    losses, metrics, rate = plot_history(records).axes
    assert [line.get_label() for line in losses.lines[:2]] == ["pde", "boundary"]
    assert [line.get_label() for line in metrics.lines[:1]] == ["rel_l2"]
    assert list(rate.lines[0].get_ydata()) == [record["lr"] for record in records]
    assert losses.get_yscale() == metrics.get_yscale() == rate.get_yscale() == "log"
    assert metrics.get_xlabel() == "step"


def test_a_name_drawn_only_sometimes_keeps_its_own_steps() -> None:
    records = [{"step": i, "loss": 1.0, **({"val_rel_l2": 0.1} if i % 4 == 0 else {})} for i in range(9)]
    metric = plot_history(records).axes[1].lines[0]
    assert list(metric.get_xdata()) == [0, 4, 8]


def test_stage_changes_are_marked() -> None:
    records = [{"step": i, "loss": 1.0, "stage": "adam" if i < 3 else "lbfgs"} for i in range(6)]
    panel = plot_history(records).axes[0]
    assert [text.get_text() for text in panel.texts] == ["adam", "lbfgs"]
    assert [line.get_xdata()[0] for line in panel.lines[1:]] == [0, 3]


def test_losses_alone_take_one_panel() -> None:
    assert len(plot_history([{"step": 1, "loss": 0.5}]).axes) == 1
    constant = [{"step": i, "loss": 0.5**i, "lr": 1.0} for i in range(3)]
    assert len(plot_history(constant).axes) == 1


def test_records_need_a_step() -> None:
    with pytest.raises(ValueError, match="'step'"):
        plot_history([])
    with pytest.raises(ValueError, match="'step'"):
        plot_history([{"loss": 1.0}])
