"""Making data sets: the samples that a recipe describes, solved and written to files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from .generate import SOLVERS, at_points, draw
from .recipes import locate_recipe, read_recipe
from .well import write_well

_BATCH_POINTS = 2**18


def make_dataset(
    recipe: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    n_samples: int | None = None,
    resolution: int | None = None,
    intervals: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Make a data set and write it to ``out`` in The Well's schema (float32); return its path.

    The equation is always solved at the recipe's own resolution in float64 and the points of a nested
    coarser grid are stored, or any points on a periodic box, where the solution is a trigonometric polynomial.
    So a seed gives the same physical samples at every resolution, and sample i is the same however many are made.

    Parameters
    ----------
    recipe : name of a data set, or path of a recipe file or of its folder
    n_samples, resolution : instead of the recipe's own; the resolution holds for every axis
    intervals : of time, equal, with a stored state at the ends of each, instead of the recipe's times
    seed : of the random fields
    overwrite : replace an existing file
    progress : show a progress bar on a terminal

    Raises ValueError and FileNotFoundError that name what is wrong and what there is.
    """
    (path,) = make_resolutions(
        recipe,
        {resolution: out},
        n_samples=n_samples,
        intervals=intervals,
        seed=seed,
        overwrite=overwrite,
        progress=progress,
    )
    return path


def make_resolutions(
    recipe: str | os.PathLike[str],
    outs: Mapping[int | None, str | os.PathLike[str]],
    *,
    n_samples: int | None = None,
    intervals: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Make one data set at several resolutions from the same solutions; return the paths.

    ``outs`` names the file of each resolution (None: the recipe's own). For all else see `make_dataset`.
    """
    targets = [Path(out) for out in outs.values()]
    for target in targets:
        if target.exists() and not overwrite:
            raise ValueError(
                f"{target}: already exists; pass --overwrite (overwrite=True in Python) to replace it"
            )
    plan = read_recipe(locate_recipe(recipe))
    count = plan.samples if n_samples is None else n_samples
    if count < 1:
        raise ValueError(f"n_samples={count}: a data set has at least one sample")
    sizes = [plan.store if size is None else size for size in outs]
    grid = plan.grid_for(sizes)
    times = plan.times(intervals)
    options = dict(plan.options) if times is None else {**plan.options, "times": times}

    # consecutive seeds: no two samples of a data set can have the same
    first_seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
    batch_size = max(1, _BATCH_POINTS // int(np.prod(grid.shape)))
    parts: list[dict[str, list[np.ndarray]]] = [{name: [] for name in plan.keep} for _ in sizes]
    with tqdm(total=count, unit="sample", desc=plan.name, disable=None if progress else True) as bar:
        for start in range(0, count, batch_size):
            batch = range(start, min(start + batch_size, count))
            drawn = [draw(plan.fields, grid, (first_seed + i) % 2**32) for i in batch]
            given = {name: torch.stack([sample[name] for sample in drawn]) for name in plan.fields}
            solved = SOLVERS[plan.solver].solve(plan.pde, given, grid, options)
            for size, stored in zip(sizes, parts, strict=True):
                for name, values in stored.items():
                    values += [
                        at_points(field, grid, size).to(torch.float32).numpy() for field in solved[name]
                    ]
            bar.update(len(batch))
    parameters = {
        key: float(value) for key, value in vars(plan.pde).items() if isinstance(value, int | float)
    }
    return [
        write_well(
            target,
            {name: np.stack(values) for name, values in stored.items()},
            grid.resized(size),
            times=times,
            name=plan.name,
            parameters=parameters,
            overwrite=overwrite,
        )
        for target, size, stored in zip(targets, sizes, parts, strict=True)
    ]
