import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pdes.grid import Axis, Grid
from sciml import evaluate

Predictor = Callable[[Tensor, Grid], Tensor]


def grid_of(n: int, *rest: int, convention: str = "half-open") -> Grid:
    return Grid(
        Axis(name, size, convention=convention, periodic=True)
        for name, size in zip("xy", (n, *rest), strict=False)
    )


def solution(inputs: Tensor, grid: Grid) -> Tensor:
    """The operator to be learned: double the input and add a fixed wave, periodic and smooth."""
    return 2 * inputs + torch.sin(2 * math.pi * grid.mesh(inputs.dtype)[0])


def case(grid: Grid, samples: int = 5, name: str = "") -> evaluate.TestSet:
    amplitude = torch.linspace(1, 2, samples, dtype=torch.float64).reshape(-1, 1, *[1] * len(grid))
    inputs = amplitude * torch.cos(2 * math.pi * grid.mesh()[0])
    return evaluate.TestSet(name or f"n={grid.shape[0]}", grid, inputs, solution(inputs, grid))


def off_by(factor_of: Callable[[int], float]) -> Predictor:
    """A model whose relative error at n points is known: factor_of(n)."""
    return lambda inputs, grid: (1 + factor_of(grid.shape[0])) * solution(inputs, grid)


def test_known_errors_are_reported_from_coarse_to_fine() -> None:
    factors = {16: 0.02, 32: 0.05, 64: 0.01}
    rows = evaluate.super_resolution(
        off_by(factors.__getitem__), grid_of(16), [case(grid_of(n), name=f"set {n}") for n in (64, 16, 32)]
    )
    assert [row["resolution"] for row in rows] == [16, 32, 64]
    assert [row["name"] for row in rows] == ["set 16", "set 32", "set 64"]
    assert [row["rel_l2"] for row in rows] == pytest.approx([0.02, 0.05, 0.01])
    assert [row["ratio_to_train"] for row in rows] == pytest.approx([1, 2.5, 0.5])
    assert [row["n_samples"] for row in rows] == [5, 5, 5]
    # the control predicts at 16 points, so it errs by 2 % at any resolution, plus the spline's own error
    assert rows[0]["interpolated_rel_l2"] is None
    assert [row["interpolated_rel_l2"] for row in rows[1:]] == pytest.approx([0.02, 0.02], rel=0.02)


def test_control_sees_only_the_training_grid() -> None:
    seen: list[tuple[int, ...]] = []

    def predict(inputs: Tensor, grid: Grid) -> Tensor:
        assert tuple(inputs.shape[2:]) == grid.shape
        assert not torch.is_grad_enabled()
        seen.append(grid.shape)
        return solution(inputs, grid)

    evaluate.super_resolution(predict, grid_of(16), [case(grid_of(32), samples=5)], batch_size=2)
    assert seen == [(32,)] * 3 + [(16,)] * 3


def test_the_control_of_a_band_limited_truth_is_exact() -> None:
    def waves(inputs: Tensor, grid: Grid) -> Tensor:
        return inputs + torch.cos(2 * math.pi * 7 * grid.mesh()[0] + 1)

    fine = case(grid_of(64))
    test = evaluate.TestSet("band", fine.grid, fine.inputs, waves(fine.inputs, fine.grid))
    (row,) = evaluate.super_resolution(waves, grid_of(16), [test])
    assert row["interpolation"] == "trigonometric"
    assert row["interpolated_rel_l2"] < 1e-12
    # and between walls there is the spline alone
    walls = Grid([Axis("x", 64)])
    (row,) = evaluate.super_resolution(
        solution, walls.resized(16), [evaluate.TestSet("walls", walls, fine.inputs, fine.inputs)]
    )
    assert row["interpolation"] == "cubic"


def test_energy_beyond_the_training_nyquist() -> None:
    x = grid_of(64).mesh()[0]
    coarse, detail = torch.cos(2 * math.pi * 3 * x), 0.1 * torch.cos(2 * math.pi * 12 * x)
    test = evaluate.TestSet("detail", grid_of(64), coarse[None, None], (coarse + detail)[None, None])

    def half_of_it(inputs: Tensor, grid: Grid) -> Tensor:
        return inputs + (0.5 * detail if grid.shape == (64,) else 0)

    rows = evaluate.super_resolution(half_of_it, grid_of(16), [test, case(grid_of(8))])
    assert rows[0]["beyond_nyquist"] is None
    found = rows[1]["beyond_nyquist"]
    share = 0.01 / 1.01
    assert found["truth"] == pytest.approx(share)
    assert found["prediction"] == pytest.approx(share / 4)
    assert found["error"] == pytest.approx(share / 4)
    assert found["interpolated"] == pytest.approx(0, abs=1e-25)


def test_protocols_are_kept_apart() -> None:
    tests = [case(grid_of(n)) for n in (8, 16, 32)]
    rows = evaluate.super_resolution(solution, grid_of(16), tests)
    assert [row["protocol"] for row in rows] == ["high-to-low", "high-to-high", "low-to-high"]
    twice = dataclasses.replace(tests[1], refinement=2)
    assert evaluate.protocol([grid_of(16)], twice) == "low-to-high"
    assert evaluate.protocol([grid_of(16, 16)], case(grid_of(8, 32))) == "low-to-high"
    several = evaluate.super_resolution(solution, grid_of(32), tests, also=[grid_of(16)])
    assert [row["protocol"] for row in several] == ["high-to-low", "high-to-high", "high-to-high"]


def test_intervals_are_over_samples() -> None:
    factors = torch.tensor([0.01, 0.02, 0.03, 0.1, 0.04])

    def predict(inputs: Tensor, grid: Grid) -> Tensor:
        return (1 + factors.reshape(-1, 1, 1)) * solution(inputs, grid)

    (row,) = evaluate.super_resolution(predict, grid_of(16), [case(grid_of(16))])
    expected = evaluate.bootstrap_interval(factors)
    assert row["rel_l2"] == pytest.approx(0.04)
    assert row["rel_l2_interval"] == pytest.approx(expected[1:])
    (row,) = evaluate.super_resolution(
        off_by({16: 0.1}.__getitem__), grid_of(16), [case(grid_of(16), samples=1)]
    )
    assert row["rel_l2_interval"] is None


def test_batches_do_not_change_the_figures() -> None:
    tests = [case(grid_of(n), samples=7) for n in (16, 48)]
    model = off_by(lambda n: 1 / n)
    whole = evaluate.super_resolution(model, grid_of(16), tests, batch_size=7)
    parts = evaluate.super_resolution(model, grid_of(16), tests, batch_size=3)
    for a, b in zip(whole, parts, strict=True):
        assert a["rel_l2"] == pytest.approx(b["rel_l2"], rel=1e-12)


def test_a_stronger_restriction_makes_a_stronger_control() -> None:
    # centres of 16 and 32 cells do not nest, so the inputs must be interpolated
    train, test = grid_of(16, convention="centres"), case(grid_of(32, convention="centres"))
    controls = {
        method: evaluate.super_resolution(solution, train, [test], restriction=method)[0][
            "interpolated_rel_l2"
        ]
        for method in ("nearest", "linear", "cubic")
    }
    assert controls["cubic"] < controls["linear"] < controls["nearest"]


def test_axes_of_different_size_are_listed() -> None:
    rows = evaluate.super_resolution(
        solution, grid_of(16, 16), [case(grid_of(32, 48)), case(grid_of(24, 24))]
    )
    assert [row["resolution"] for row in rows] == [24, [32, 48]]
    assert [row["ratio_to_train"] for row in rows] == [None, None]


def test_a_learned_solver_may_take_gradients_inside() -> None:
    def descend(inputs: Tensor, grid: Grid) -> Tensor:
        target = solution(inputs, grid)
        with torch.enable_grad():
            guess = torch.zeros_like(inputs, requires_grad=True)
            (gradient,) = torch.autograd.grad(0.5 * (guess - target).square().sum(), guess)
        return guess - gradient

    rows = evaluate.super_resolution(descend, grid_of(16), [case(grid_of(16))])
    assert rows[0]["rel_l2"] == pytest.approx(0, abs=1e-12)


def test_undefined_errors_and_foreign_domains_are_refused() -> None:
    grid = grid_of(16)
    with pytest.raises(ValueError, match="n=16: the prediction of sample 0 holds NaN"):
        evaluate.super_resolution(lambda inputs, _: inputs * math.nan, grid, [case(grid)])
    with pytest.raises(ValueError, match="domains differ"):
        evaluate.super_resolution(solution, Grid([Axis("x", 16, 0, 2, periodic=True)]), [case(grid)])
    with pytest.raises(ValueError, match="at least one test set"):
        evaluate.super_resolution(solution, grid, [])


def test_a_test_set_checks_its_shapes() -> None:
    with pytest.raises(
        ValueError, match=r"'bad': targets of shape \(2, 1, 8\) do not lie on a grid of shape \(16,\)"
    ):
        evaluate.TestSet("bad", grid_of(16), torch.ones(2, 1, 16), torch.ones(2, 1, 8))
    with pytest.raises(ValueError, match="3 inputs and 2 targets"):
        evaluate.TestSet("bad", grid_of(16), torch.ones(3, 1, 16), torch.ones(2, 1, 16))


@pytest.mark.parametrize(
    ("at_32", "reading"),
    [
        (0.001, "the model beats interpolation of its own 16-point prediction at 32 points"),
        (0.5, "the model does not beat interpolation of its own 16-point prediction at 32 points"),
    ],
)
def test_table_is_aligned_and_read(at_32: float, reading: str) -> None:
    model = off_by({16: 0.02, 32: at_32}.__getitem__)
    table = evaluate.format_table(
        evaluate.super_resolution(model, grid_of(16), [case(grid_of(n)) for n in (16, 32)])
    )
    header, rule, *rows, last = table.splitlines()
    assert last == reading
    assert [row.split()[0] for row in rows] == ["16", "32"]
    ends = [i for i, c in enumerate(rule) if c == "-" and rule[i + 1 : i + 2] in ("", " ")][:-1]
    assert all(row[end] != " " and row[end + 1] == " " for row in [header, *rows] for end in ends)


def test_without_a_finer_test_set_nothing_is_claimed() -> None:
    rows = evaluate.super_resolution(solution, grid_of(16), [case(grid_of(8)), case(grid_of(16))])
    assert "no test set is finer" in evaluate.format_table(rows)


def test_at_resolutions_takes_a_file_or_subsamples_the_finest() -> None:
    fields = torch.rand(2, 1, 32)
    grid = Grid([Axis("x", 32, periodic=True)])
    fine = evaluate.TestSet("fine", grid, fields, 2 * fields)
    coarse = evaluate.TestSet("coarse", grid.resized(16), fields[..., :16], fields[..., :16])
    found = evaluate.at_resolutions([coarse, fine], [8, 16])
    assert found[1] is coarse
    assert found[0].grid == grid.resized(8)
    assert torch.equal(found[0].inputs, fields[..., ::4])
    assert torch.equal(found[0].targets, 2 * fields[..., ::4])
    with pytest.raises(ValueError, match="resolution 5 is not nested"):
        evaluate.at_resolutions([fine], [5])
    with pytest.raises(ValueError, match="no test set"):
        evaluate.at_resolutions([], [8])
