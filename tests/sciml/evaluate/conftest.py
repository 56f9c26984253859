import math

import pytest
import torch

from pdes.grid import Axis, Grid
from sciml.data import read_recipe
from sciml.data.dataset import Channel
from sciml.evaluate import TestSet

HEAT = """
name: heat
equation: {name: Heat, parameters: {kappa: 0.02}}
domain: {x: [0.0, 1.0]}
grid: {convention: half-open, periodic: true, solve: 64, store: 64}
fields: {u: {waves: [{amplitude: 1.0, wavenumbers: [1]}]}}
solver: {name: periodic, times: [0.0, 1.0]}
samples: 1
"""
DARCY = """
name: darcy
equation: {name: Darcy}
domain: {x: [0.0, 1.0], y: [0.0, 1.0]}
grid: {convention: vertices, solve: 65, store: 33}
fields: {a: {constant: 1.0}}
solver: {name: darcy}
samples: 1
"""
FLOW = """
name: flow
equation: {name: NavierStokes, parameters: {nu: 0.01}}
domain: {x: [0.0, 1.0], y: [0.0, 1.0]}
grid: {convention: half-open, periodic: true, solve: 16, store: 16}
fields: {w: {constant: 0.0}, f: {constant: 0.0}}
solver: {name: periodic, times: [0.0, 1.0]}
keep: [w]
samples: 1
"""


@pytest.fixture
def recipes(tmp_path):
    """Recipes of problems with known solutions, by name."""

    def read(name, text):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return read_recipe(path)

    return {name: read(name, text) for name, text in (("heat", HEAT), ("darcy", DARCY), ("flow", FLOW))}


@pytest.fixture
def heat_set():
    """Makes test sets of waves that fade, solutions of the heat equation of the recipe."""

    def make(n=32, times=(0.0, 0.1, 0.2), known=1, k=3):
        grid = Grid([Axis("x", n, periodic=True)])
        t = torch.tensor(times, dtype=torch.float64)[:, None]
        turns = 2 * math.pi * k
        fields = torch.stack(
            [torch.exp(-0.02 * turns**2 * t) * torch.cos(turns * grid.mesh()[0] + phase) for phase in (0, 1)]
        )
        channels = tuple(Channel("u", time) for time in times)
        return TestSet(
            "heat", grid, fields[:, :known], fields[:, known:], 1, channels[:known], channels[known:]
        )

    return make
