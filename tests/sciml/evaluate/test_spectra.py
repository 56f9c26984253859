import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdes.grid import Axis, Grid
from sciml import evaluate


@given(st.integers(0, 999), st.integers(4, 9), st.integers(4, 9), st.booleans(), st.booleans())
def test_the_error_spectrum_sums_to_the_squared_error(seed: int, n: int, m: int, a: bool, b: bool) -> None:
    grid = Grid([Axis("x", n, periodic=a), Axis("y", m, upper=3, periodic=b)])
    prediction, truth = torch.randn(
        2, 3, 2, n, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    spectrum = evaluate.error_spectrum(prediction, truth, grid)
    assert spectrum.truth.sum() == pytest.approx(1)
    expected = float(evaluate.relative_l2(prediction, truth).square().mean())
    assert spectrum.error.sum() == pytest.approx(expected)


def test_waves_land_in_their_shells() -> None:
    grid = Grid([Axis("x", 32, upper=2, periodic=True), Axis("y", 32, periodic=True)])
    x, y = grid.mesh()
    # one wave on the short side is two on the longest
    truth = torch.cos(2 * math.pi * y)[None, None]
    prediction = truth + 0.1 * torch.cos(5 * math.pi * x)
    spectrum = evaluate.error_spectrum(prediction, truth, grid)
    assert spectrum.wavenumbers[spectrum.truth > 1e-20].tolist() == [2]
    assert spectrum.wavenumbers[spectrum.error > 1e-20].tolist() == [5]
    assert spectrum.error[5] == pytest.approx(0.01)


def test_waves_between_walls_land_in_their_shells() -> None:
    grid = Grid([Axis("x", 32, upper=3, convention="centres")])
    (x,) = grid.mesh()
    truth = torch.cos(2 * math.pi * 4 * x / 3)[None, None]
    spectrum = evaluate.error_spectrum(1.5 * truth, truth, grid)
    assert spectrum.wavenumbers[spectrum.truth > 1e-20].tolist() == [4]
    assert spectrum.error[4] == pytest.approx(0.25)


def test_a_jump_between_walls_is_not_mistaken_for_small_scales() -> None:
    walls = Grid([Axis("x", 128, convention="centres")])
    ramp = walls.mesh()[0][None, None] - 0.5
    periodic = Grid([Axis("x", 128, convention="centres", periodic=True)])
    tails = [evaluate.error_spectrum(ramp, ramp, grid).truth[8:].sum() for grid in (walls, periodic)]
    assert tails[0] < 1e-3 < tails[1]


def test_nyquist_is_that_of_the_coarsest_axis() -> None:
    assert evaluate.nyquist(Grid([Axis("x", 16, periodic=True)])) == pytest.approx(8)
    # spacing 2/16 on the long side: 8 waves on its length
    grid = Grid([Axis("x", 16, upper=2, periodic=True), Axis("y", 16, periodic=True)])
    assert evaluate.nyquist(grid) == pytest.approx(8)


def test_energy_beyond_the_nyquist_of_a_coarse_grid() -> None:
    grid = Grid([Axis("x", 32, upper=2, periodic=True), Axis("y", 32, convention="centres")])
    coarse = grid.resized(12)
    x, y = grid.mesh()
    # 5 waves on x and 2.5 on y are within 6 and 6; 7 waves on x are not, nor are 6.5 on y
    within = torch.sin(5 * math.pi * x) * torch.cos(5 * math.pi * y)
    beyond = torch.sin(7 * math.pi * x) + torch.cos(13 * math.pi * y)
    truth = (3 * within + 0.5 * beyond)[None, None]
    # mean squares: 9 / 4 within, 1/4 (1/2 + 1/2) beyond
    assert evaluate.energy_beyond(truth, grid, coarse) == pytest.approx(0.25 / 2.5)
    assert evaluate.energy_beyond(within[None, None], grid, coarse) == pytest.approx(0, abs=1e-25)
    error = 0.1 * torch.sin(7 * math.pi * x)[None, None]
    assert evaluate.energy_beyond(error, grid, coarse, of=truth) == pytest.approx(0.005 / 2.5)
    assert evaluate.energy_beyond(truth, grid, grid.resized(32)) == pytest.approx(0, abs=1e-25)


def test_bad_fields_are_refused() -> None:
    grid = Grid([Axis("x", 8, periodic=True)])
    with pytest.raises(ValueError, match="zero everywhere"):
        evaluate.error_spectrum(torch.ones(1, 1, 8), torch.zeros(1, 1, 8), grid)
    with pytest.raises(ValueError, match=r"grid of shape \(8,\)"):
        evaluate.error_spectrum(torch.ones(1, 1, 9), torch.ones(1, 1, 9), grid)


def test_spectrum_arrays_have_one_length() -> None:
    grid = Grid([Axis("x", 9, periodic=True), Axis("y", 6, convention="vertices")])
    fields = torch.randn(1, 1, 9, 6, generator=torch.Generator().manual_seed(0))
    wavenumbers, truth, error, prediction = evaluate.error_spectrum(fields, fields, grid)
    assert len(wavenumbers) == len(truth) == len(error)
    assert np.array_equal(prediction, truth)
    assert np.array_equal(error, np.zeros_like(error))


def test_energy_beyond_a_coarser_grid_is_that_of_its_waves() -> None:
    """Waves of energy 1, 1/4 and 1/9 at 2, 4 and 7 waves: a grid of 8 points cannot tell the phase of the second."""
    grid = Grid([Axis("x", 16, periodic=True), Axis("y", 16, periodic=True)])
    x, y = grid.mesh()
    waves = [
        torch.sin(2 * math.pi * 2 * x),
        torch.cos(2 * math.pi * 4 * y) / 2,
        torch.sin(2 * math.pi * 7 * x) / 3,
    ]
    fields = torch.stack([sum(waves), -sum(waves)])[:, None]
    total = 1 + 1 / 4 + 1 / 9
    for points, beyond in ((16, 0), (10, 1 / 9), (8, 1 / 4 + 1 / 9), (4, total)):
        assert evaluate.energy_beyond(fields, grid, grid.resized(points)) == pytest.approx(
            beyond / total, abs=1e-12
        )
    walls = Grid([Axis("x", 16, convention="centres")])
    ((x,),) = (walls.mesh(),)
    field = (torch.cos(2 * math.pi * 1.5 * x) + torch.cos(2 * math.pi * 4 * x))[None, None]
    assert evaluate.energy_beyond(field, walls, walls.resized(6)) == pytest.approx(0.5)
