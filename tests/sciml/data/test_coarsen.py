import math

import pytest
import torch

from pdes import Axis, Grid
from sciml.data import coarsen, coarsened_grid


def axis(convention, n, periodic=False, name="x"):
    return Axis(name, n, 1.0, 3.0, convention=convention, periodic=periodic)


GRIDS = {
    "half-open": (Grid([axis("half-open", 12, True), axis("half-open", 24, True, "y")]), 3, (4, 8)),
    "vertices": (Grid([axis("vertices", 9), axis("vertices", 13, name="y")]), 4, (3, 4)),
    "centres": (Grid([axis("centres", 9), axis("centres", 15, True, "y")]), 3, (3, 5)),
    "mixed": (Grid([axis("half-open", 8, True), axis("vertices", 9, name="y")]), 2, (4, 5)),
}


@pytest.mark.parametrize("name", GRIDS)
def test_subsampled_fields_are_the_function_at_the_coarse_points(name):
    """Whatever the function: no value is averaged, no point moved."""
    grid, factor, shape = GRIDS[name]
    coarse = coarsened_grid(grid, factor)
    assert coarse.shape == shape

    def function(grid):
        x, y = grid.mesh()
        return (torch.exp(x) * torch.sin(9 * y) + (x > 2))[None, None]

    torch.testing.assert_close(coarsen(function(grid), grid, factor), function(coarse), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("convention", "factor"), [("half-open", 2), ("half-open", 4), ("centres", 3)])
def test_spectral_truncation_keeps_what_the_coarse_grid_holds_and_aliases_nothing(convention, factor):
    """A wave below the coarse Nyquist wavenumber stays; the same with one above it added gives the same coarse field."""
    grid = Grid([axis(convention, 24, True), axis(convention, 48, True, "y")])
    coarse = coarsened_grid(grid, factor)
    below, above = [(n - 1) // 2 for n in coarse.shape], coarse.shape[0] - 1

    def low(grid):
        x, y = (2 * math.pi * (p - 1) / 2 for p in grid.mesh())
        return (torch.sin(below[0] * x + 0.3) * torch.cos(below[1] * y - 1) + 2)[None, None]

    x = 2 * math.pi * (grid.mesh()[0] - 1) / 2
    fine = low(grid) + torch.sin(above * x)
    torch.testing.assert_close(coarsen(fine, grid, factor, "spectral"), low(coarse), rtol=0, atol=1e-12)
    aliased = coarsen(fine, grid, factor) - low(coarse)
    assert aliased.norm() / low(coarse).norm() > 0.1
    # the wave at the coarse Nyquist wavenumber itself, whose phase is lost
    if coarse.shape[0] % 2 == 0:
        edge = torch.sin(coarse.shape[0] // 2 * x + 0.7)[None, None]
        assert coarsen(edge, grid, factor, "spectral").abs().max() < 1e-12


def test_dtype_follows_the_fields():
    grid = Grid([axis("centres", 9, True)])
    for method in ("subsample", "spectral"):
        assert coarsen(torch.rand(2, 3, 9), grid, 3, method).dtype == torch.float32


@pytest.mark.parametrize(
    ("grid", "factor", "method", "message"),
    [
        (
            Grid([axis("half-open", 12, True)]),
            5,
            "subsample",
            "12 half-open points cannot be coarsened by the factor 5",
        ),
        (Grid([axis("vertices", 9)]), 3, "subsample", "that divides 8 is needed"),
        (Grid([axis("centres", 8)]), 2, "subsample", "an odd one for centres"),
        (Grid([axis("half-open", 12, True)]), 12, "subsample", "cannot be coarsened"),
        (Grid([axis("half-open", 12, True)]), 1, "subsample", "a factor above 1"),
        (Grid([axis("vertices", 9)]), 2, "spectral", "needs periodic axes, and 'x' is not"),
        (Grid([axis("vertices", 9)]), 2, "mean", "unknown coarsening 'mean'"),
    ],
)
def test_what_cannot_be_coarsened_is_refused(grid, factor, method, message):
    with pytest.raises(ValueError, match=message):
        coarsen(torch.rand(1, 1, *grid.shape), grid, factor, method)
