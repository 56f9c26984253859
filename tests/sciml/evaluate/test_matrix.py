import pytest

from sciml.evaluate import format_matrix, rollouts_over_seeds, t_interval, train_by_test


def report(train, errors, interval=None, refinement=1, curves=()):
    """A run trained at ``train`` with these errors on test sets of so many points."""
    rows = [
        {
            "resolution": n,
            "refinement": refinement,
            "protocol": "high-to-high" if n == train else "low-to-high" if n > train else "high-to-low",
            "rel_l2": error,
            "rel_l2_interval": [0.9 * error, 1.2 * error],
            "interpolated_rel_l2": None if n == train else 2 * error,
            "beyond_nyquist": {"truth": 0.1, "interpolated": None, "prediction": error}
            if n > train
            else None,
            "name": f"test_{n}",
        }
        for n, error in errors.items()
    ]
    return {"train_resolution": train, "train_interval": interval, "superresolution": rows, "rollout": curves}


def test_cells_are_means_over_seeds_from_coarse_to_fine():
    fine = report(32, {16: 0.3, 32: 0.1})
    coarse = [report(16, {16: 0.2 + d, 32: 0.4 + 2 * d}) for d in (-0.01, 0.0, 0.03)]
    cells = train_by_test([fine, *coarse])
    places = [(cell["train_resolution"], cell["resolution"]) for cell in cells]
    assert places == [(16, 16), (16, 32), (32, 16), (32, 32)]
    assert [cell["protocol"] for cell in cells] == [
        "high-to-high",
        "low-to-high",
        "high-to-low",
        "high-to-high",
    ]
    mean, low, high = t_interval([0.38, 0.4, 0.46])
    assert cells[1]["rel_l2"] == pytest.approx(mean)
    assert cells[1]["rel_l2_interval"] == pytest.approx([low, high])
    assert cells[1]["interpolated_rel_l2"] == pytest.approx(2 * mean)
    assert cells[1]["beyond_nyquist"] == {
        "truth": pytest.approx(0.1), "interpolated": None, "prediction": pytest.approx(mean)
    }  # fmt: skip
    assert (cells[1]["runs"], cells[1]["interval_over"]) == (3, "seeds")
    assert (cells[3]["runs"], cells[3]["interval_over"]) == (1, "samples")
    assert cells[3]["rel_l2_interval"] == pytest.approx([0.09, 0.12])


def test_time_has_rows_and_columns_of_its_own():
    slow = report(16, {16: 0.2}, interval=1.0, refinement=2)
    fast = report(16, {16: 0.1}, interval=0.5)
    cells = train_by_test([fast, slow])
    assert [(cell["train_interval"], cell["interval"]) for cell in cells] == [(1.0, 0.5), (0.5, 0.5)]
    lines = format_matrix(cells).splitlines()
    assert [line[: len("16, dt 0.5")].strip() for line in lines[2:4]] == ["16, dt 1", "16, dt 0.5"]


def test_the_table_has_controls_and_protocols():
    cells = train_by_test([report(16, {16: 0.2, 32: 0.4}), report(32, {32: 0.1})])
    lines = format_matrix(cells).splitlines()
    assert lines[0].split() == ["trained", "at", "test_16", "test_32"]
    assert lines[2].split() == ["16", "0.20000", "(0.18000-0.24000)", "0.40000", "(0.36000-0.48000)"]
    assert lines[3].split() == ["-", "0.80000", "interpolated"]
    assert lines[4].split() == ["32", "-", "0.10000", "(0.09000-0.12000)"]
    assert lines[5:] == [
        "high-to-high: 16 -> test_16 0.20000, 32 -> test_32 0.10000",
        "low-to-high: 16 -> test_32 0.40000",
    ]


def test_rollouts_over_seeds():
    def curve(errors):
        return {"name": "test", "times": [1.0, 2.0], "rel_l2": errors, "rel_l2_interval": [[0, 1]] * 2}

    runs = [report(16, {16: 0.1}, curves=[curve([0.1 + d, 0.2 + d])]) for d in (0, 0.02)]
    (merged,) = rollouts_over_seeds(runs)
    assert merged["name"] == "test"
    assert merged["rel_l2"] == pytest.approx([0.11, 0.21])
    assert merged["rel_l2_interval"][1] == pytest.approx(t_interval([0.2, 0.22])[1:])
    (alone,) = rollouts_over_seeds(runs[:1])
    assert alone["rel_l2_interval"] == [[0, 1]] * 2
    names = [curve["name"] for curve in rollouts_over_seeds([*runs, report(32, {}, curves=[curve([1, 1])])])]
    assert names == ["test, trained at 16", "test, trained at 32"]
