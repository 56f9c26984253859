import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdes.grid import Axis, Grid
from sciml.evaluate import interpolate


def smooth(grid: Grid) -> torch.Tensor:
    """A smooth field, periodic with the domain [0, 2], (1, 1, *grid)."""
    field = torch.ones(grid.shape, dtype=torch.float64)
    for i, x in enumerate(grid.mesh()):
        field = field * torch.exp(0.5 * torch.sin(math.pi * x + i))
    return field[None, None]


def grid_of(n: int, dimension: int, convention: str, periodic: bool) -> Grid:
    return Grid(Axis(name, n, 0, 2, convention, periodic) for name in "xyz"[:dimension])


CASES = [
    ("half-open", True),
    ("centres", True),
    ("half-open", False),
    ("vertices", False),
    ("centres", False),
]


@pytest.mark.parametrize(("convention", "periodic"), CASES)
@pytest.mark.parametrize(("method", "order"), [("cubic", 3.5), ("linear", 1.8), ("nearest", 0.8)])
def test_order_of_convergence(convention: str, periodic: bool, method: str, order: float) -> None:
    # a target of another convention, whose points never coincide with the source's
    target = grid_of(37, 1, "centres", periodic)
    sizes = [32, 64, 128, 256]
    errors = []
    for n in sizes:
        source = grid_of(n, 1, convention, periodic)
        errors.append(
            float((interpolate(smooth(source), source, target, method) - smooth(target)).abs().max())
        )
    slope = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope >= order


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_every_dimension_keeps_the_accuracy_of_one(dimension: int) -> None:
    source, target = grid_of(24, dimension, "half-open", True), grid_of(20, dimension, "centres", True)
    error = (interpolate(smooth(source), source, target) - smooth(target)).abs().max()
    assert 0 < float(error) < 5e-4


@given(st.sampled_from(CASES), st.integers(4, 12), st.integers(2, 4), st.integers(1, 3), st.integers(0, 999))
def test_nested_grids_are_subsampled_exactly(
    case: tuple[str, bool], n: int, factor: int, dimension: int, seed: int
) -> None:
    convention, periodic = case
    coarse = grid_of(n, dimension, convention, periodic)
    if convention == "centres":
        factor = 3  # centres nest under odd refinement only
    fine_n = (n - 1) * factor + 1 if convention == "vertices" else n * factor
    fine = coarse.resized(fine_n)
    generator = torch.Generator().manual_seed(seed)
    fields = torch.randn(2, 1, *fine.shape, generator=generator)
    start = factor // 2 if convention == "centres" else 0
    expected = fields[(..., *[slice(start, None, factor)] * dimension)]
    for method in ("cubic", "linear", "nearest"):
        assert torch.equal(interpolate(fields, fine, coarse, method), expected)


@pytest.mark.parametrize(("convention", "periodic"), CASES)
def test_interpolant_passes_through_the_source(convention: str, periodic: bool) -> None:
    source = grid_of(10, 2, convention, periodic)
    fine = grid_of(28 if convention == "vertices" else 30, 2, convention, periodic)
    fields = torch.randn(1, 2, 10, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    there_and_back = interpolate(interpolate(fields, source, fine), fine, source)
    torch.testing.assert_close(there_and_back, fields)


def test_cubics_are_exact_between_walls() -> None:
    source, target = grid_of(7, 1, "half-open", False), grid_of(23, 1, "vertices", False)

    def cubic(grid: Grid) -> torch.Tensor:
        return (grid.mesh()[0] ** 3 - 2 * grid.mesh()[0] + 1)[None, None]

    torch.testing.assert_close(interpolate(cubic(source), source, target), cubic(target))


@given(st.integers(0, 999), st.integers(4, 9), st.integers(5, 31))
def test_nearest_keeps_the_values_and_linear_their_range(seed: int, n: int, m: int) -> None:
    coefficient = torch.randint(0, 2, (1, 1, n, n), generator=torch.Generator().manual_seed(seed)) * 9.0 + 3.0
    source, target = grid_of(n, 2, "half-open", True), grid_of(m, 2, "centres", True)
    nearest = interpolate(coefficient, source, target, "nearest")
    assert set(nearest.unique().tolist()) <= {3.0, 12.0}
    linear = interpolate(coefficient, source, target, "linear")
    assert float(linear.min()) >= 3.0 - 1e-5
    assert float(linear.max()) <= 12.0 + 1e-5


def test_nearest_shifts_every_point_the_same_way() -> None:
    # each coarse centre lies midway between two fine ones: the upper is taken throughout
    fine, coarse = grid_of(8, 1, "centres", False), grid_of(4, 1, "centres", False)
    picked = interpolate(torch.arange(8.0)[None, None], fine, coarse, "nearest")
    assert picked.flatten().tolist() == [1, 3, 5, 7]


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize(("convention", "periodic"), CASES)
def test_tiny_axes(n: int, convention: str, periodic: bool) -> None:
    source, target = grid_of(n, 1, convention, periodic), grid_of(9, 1, "centres", periodic)
    result = interpolate(torch.full((1, 1, n), 2.5), source, target)
    torch.testing.assert_close(result, torch.full((1, 1, 9), 2.5))


def test_dtype_is_kept_and_rounding_of_the_ends_forgiven() -> None:
    source = Grid([Axis("x", 16, 0, 2 * math.pi, periodic=True)])
    target = Grid([Axis("x", 8, 0, 6.28319, periodic=True)])
    fields = torch.arange(16.0)[None, None]
    result = interpolate(fields, source, target)
    assert result.dtype == torch.float32
    assert torch.equal(result, fields[..., ::2])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Axis("x", 8, 0, 3), r"domains differ, \[0, 2\] against \[0, 3\]"),
        (Axis("x", 8, 0, 2, periodic=True), "domains differ"),
        (Axis("y", 8, 0, 2), "different axes: x and y"),
    ],
)
def test_different_domains_are_refused(other: Axis, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        interpolate(torch.ones(1, 1, 4), Grid([Axis("x", 4, 0, 2)]), Grid([other]))


def waves(grid: Grid, *numbers: int) -> torch.Tensor:
    """Waves of these numbers along both axes of [0, 2]², with phases, (1, 1, *grid)."""
    x, y = grid.mesh()
    return sum(torch.cos(math.pi * k * x + k) * torch.sin(math.pi * (k - 1) * y + 1) for k in numbers)[
        None, None
    ]


@pytest.mark.parametrize(("n", "m"), [(12, 30), (13, 16), (16, 13), (30, 12), (12, 12)])
def test_trigonometric_interpolation_is_exact_for_what_both_grids_hold(n: int, m: int) -> None:
    source, target = (grid_of(size, 2, "half-open", True) for size in (n, m))
    found = interpolate(waves(source, 1, 2, 5), source, target, "trigonometric")
    torch.testing.assert_close(found, waves(target, 1, 2, 5))


def test_trigonometric_interpolation_cuts_off_what_the_target_does_not_hold() -> None:
    source, target = grid_of(32, 2, "half-open", True), grid_of(12, 2, "half-open", True)
    found = interpolate(waves(source, 2, 8), source, target, "trigonometric")
    torch.testing.assert_close(found, waves(target, 2))


def test_a_wave_at_the_nyquist_wavenumber_keeps_its_values() -> None:
    source, target = grid_of(8, 1, "half-open", True), grid_of(16, 1, "half-open", True)
    alternating = torch.tensor([1.0, -1.0] * 4, dtype=torch.float64)[None, None]
    found = interpolate(alternating, source, target, "trigonometric")
    torch.testing.assert_close(found, torch.cos(4 * math.pi * target.mesh()[0])[None, None])


def test_trigonometric_interpolation_is_the_spline_between_walls() -> None:
    source, target = grid_of(9, 1, "vertices", False), grid_of(12, 1, "vertices", False)
    found = interpolate(smooth(source), source, target, "trigonometric")
    assert torch.equal(found, interpolate(smooth(source), source, target, "cubic"))


def test_bad_arguments_are_named() -> None:
    grid = Grid([Axis("x", 4)])
    with pytest.raises(ValueError, match="unknown interpolation 'quintic'"):
        interpolate(torch.ones(1, 1, 4), grid, grid, "quintic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(1, 1, 5\).*\(4,\)"):
        interpolate(torch.ones(1, 1, 5), grid, grid)
