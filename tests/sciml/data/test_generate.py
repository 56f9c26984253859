import torch

from pdes.grid import Axis, Grid
from sciml.data.generate import draw


def test_phases_and_constants():
    grid = Grid([Axis("x", 64, periodic=True)])
    law = {"alpha": 2.0, "tau": 3.0, "boundary": "periodic", "modes": 8, "mean_zero": True}
    plain = draw({"a": law}, grid, 5)["a"]
    made = draw({"a": {**law, "threshold": {"below": 0.1, "above": 12}}, "f": {"constant": 0.3}}, grid, 5)
    assert torch.equal(made["a"] == 12, plain >= 0)
    assert torch.equal(made["a"] == 0.1, plain < 0)
    assert torch.equal(made["f"], torch.full((64,), 0.3, dtype=torch.float64))
