import math

import pytest
import torch

from pdes import Axis, Grid
from sciml.data import write_well


@pytest.fixture
def diffusion_files(tmp_path):
    """Data whose operator is known: u is a after diffusion on the torus, at 16 and 32 points."""

    def write(name, n_points, n_samples, seed):
        generator = torch.Generator().manual_seed(seed)
        grid = Grid([Axis("x", n_points, periodic=True)])
        x = grid.points()[0]
        phases = 2 * math.pi * torch.rand(n_samples, 3, 1, generator=generator, dtype=torch.float64)
        k = torch.arange(1, 4, dtype=torch.float64)[:, None]
        waves = torch.sin(2 * math.pi * k * x + phases)
        a, u = waves.sum(1), (torch.exp(-0.1 * k**2) * waves).sum(1)
        return write_well(tmp_path / name, {"a": a, "u": u}, grid, name="diffusion")

    return {
        "train": write("train.h5", 16, 64, 0),
        "test": write("test_16.h5", 16, 8, 1),
        "test_fine": write("test_32.h5", 32, 8, 1),
    }
