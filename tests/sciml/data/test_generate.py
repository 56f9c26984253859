import math

import torch

from pdes.grid import Axis, Grid
from sciml.data.generate import draw, sum_of_waves


def test_phases_and_constants():
    grid = Grid([Axis("x", 64, periodic=True)])
    law = {"alpha": 2.0, "tau": 3.0, "boundary": "periodic", "modes": 8, "mean_zero": True}
    plain = draw({"a": law}, grid, 5)["a"]
    made = draw({"a": {**law, "threshold": {"below": 0.1, "above": 12}}, "f": {"constant": 0.3}}, grid, 5)
    assert torch.equal(made["a"] == 12, plain >= 0)
    assert torch.equal(made["a"] == 0.1, plain < 0)
    assert torch.equal(made["f"], torch.full((64,), 0.3, dtype=torch.float64))


def test_waves_on_a_shifted_domain():
    grid = Grid([Axis("x", 5, -1.0, 3.0, "vertices"), Axis("y", 4, 0.0, 2.0, "half-open")])
    waves = [
        {"amplitude": 0.5, "wavenumbers": [1, -2], "phase": 0.25},
        {"amplitude": 2.0, "wavenumbers": [0, 1]},
    ]
    x, y = grid.mesh()
    expected = 0.5 * torch.cos(2 * math.pi * ((x + 1) / 4 - y)) + 2 * torch.sin(math.pi * y)
    torch.testing.assert_close(sum_of_waves(waves, grid), expected)
