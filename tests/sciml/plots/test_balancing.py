import numpy as np
import pytest

from sciml.plots import has_balancing, plot_balancing

PAIRS = ("pde, boundary", "pde, initial", "boundary, initial")


def records(n, stage=lambda _: "1 Adam", **fixed):
    return [
        {
            "step": 10 * k,
            "stage": stage(k),
            "pde": 1.0,
            "weights": {"pde": 1.0, "boundary": 1.0 + k},
            "gradient_norms": {"pde": 10.0**-k, "boundary": 2.0},
            "gradient_cosines": dict.fromkeys(PAIRS, 0.5),
            **fixed,
        }
        for k in range(n)
    ]


def curves(panel):
    return {line.get_label(): line for line in panel.lines if not line.get_label().startswith("_")}


def test_weights_norms_and_cosines_have_a_panel_each():
    weights, norms, cosines = plot_balancing(records(5)).axes
    assert list(curves(weights)) == list(curves(norms)) == ["pde", "boundary"]
    assert list(curves(cosines)) == list(PAIRS)
    assert list(curves(weights)["boundary"].get_xdata()) == [0, 10, 20, 30, 40]
    assert list(curves(weights)["boundary"].get_ydata()) == [1, 2, 3, 4, 5]
    assert (weights.get_yscale(), norms.get_yscale(), cosines.get_yscale()) == ("log", "log", "linear")
    assert cosines.get_ylim()[0] <= -1
    assert cosines.get_xlabel() == "step"


def test_negative_weights_are_shown():
    (panel,) = plot_balancing(
        [{"step": k, "weights": {"pde": (-1.0) ** k * 5, "boundary": 1.0}} for k in range(4)]
    ).axes
    assert panel.get_yscale() == "symlog"
    assert list(curves(panel)["pde"].get_ydata()) == [5, -5, 5, -5]


def test_weights_that_never_change_are_left_out():
    fixed = {"pde": 1.0, "boundary": 100.0}
    assert len(plot_balancing(records(4, weights=fixed)).axes) == 2
    assert not has_balancing([{"step": k, "weights": fixed} for k in range(4)])


def test_one_loss_one_record_or_none_is_nothing_to_draw():
    alone = [
        {"step": k, "weights": {"data": k}, "gradient_norms": {"data": k}, "gradient_cosines": {}}
        for k in range(3)
    ]
    for nothing in (alone, records(1), [{"step": 1, "pde": 1.0}], []):
        assert not has_balancing(nothing)
        with pytest.raises(ValueError, match="changing weights"):
            plot_balancing(nothing)


def test_records_without_gradients_leave_their_steps_out():
    mixed = [r if k % 3 == 0 else {"step": r["step"]} for k, r in enumerate(records(7))]
    assert list(curves(plot_balancing(mixed).axes[1])["pde"].get_xdata()) == [0, 30, 60]


def test_curves_break_where_a_stage_ends():
    panel = plot_balancing(records(6, stage=lambda k: "1 Adam" if k < 4 else "2 LBFGS")).axes[0]
    pieces = [len(line.get_xdata()) for line in panel.lines if line.get_color() == panel.lines[0].get_color()]
    assert pieces == [4, 2]
    assert [text.get_text() for text in panel.texts] == ["1 Adam", "2 LBFGS"]


def test_of_many_pairs_the_most_opposed_are_drawn():
    cosines = {f"a{k}, b{k}": 0.1 * k - 1 for k in range(15)}
    panel = plot_balancing(records(3, gradient_cosines=cosines)).axes[-1]
    assert list(curves(panel)) == list(cosines)[:8]


def test_many_records_are_drawn_under_their_median():
    """A spike of one record is in the faint curve and not in the strong one."""
    many = records(600, gradient_norms={"pde": 1.0, "boundary": 2.0})
    many[300]["gradient_norms"] = {"pde": 1e6, "boundary": 2.0}
    faint, strong = plot_balancing(many).axes[1].lines[:2]
    assert np.max(faint.get_ydata()) == 1e6
    assert np.max(strong.get_ydata()) == 1.0
    assert len(strong.get_ydata()) == 600
