"""Data sets from recipes: a YAML file states equation, random fields, grid and solver; this makes the data.

A recipe looks like this (see ``datasets/`` for complete ones)::

    name: burgers
    equation: {name: Burgers, parameters: {nu: 0.1}}
    domain: {x: [0.0, 1.0]}
    grid: {convention: half-open, periodic: true, solve: 1024, store: 256}
    fields:                      # initial values and input fields, by the names of the equation
      u: {alpha: 2.0, tau: 5.0, sigma: 25.0, boundary: periodic, mean_zero: true, modes: 256}
    solver: {name: periodic, times: [0.0, 1.0]}
    samples: 1000

A field is a Gaussian random field (the arguments of `pdes.random_fields.gaussian_random_field`), of two
phases where it has ``threshold: {below: 3.0, above: 12.0}`` (the second where the random field is >= 0);
``constant: 0.0``; or ``waves: [{amplitude: 0.1, wavenumbers: [1, 1], phase: 0.25}]``, a sum of sines. ``keep: [u]`` stores only those fields.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from tqdm import tqdm

from pdes import equations
from pdes.grid import Axis, Grid
from pdes.pde import PDE

from .generate import LAWS, SOLVERS, draw
from .well import write_well

_BATCH_POINTS = 2**18
_PACKAGE = Path(__file__).resolve().parents[1]


def _folders() -> Iterator[tuple[str, Path]]:
    """Data sets of a source tree, then those that an installed package brings along."""
    for root in (_PACKAGE.parent / "datasets", _PACKAGE / "_datasets"):
        for recipe in sorted(root.glob("*/recipe.yaml")):
            yield recipe.parent.name, recipe


def list_recipes() -> list[str]:
    """The names of the data sets that come with a recipe."""
    return sorted({name for name, _ in _folders()})


def find_recipe(name: str) -> Path:
    """The recipe of the data set ``name``. Raises ValueError that lists the known ones."""
    for known, path in _folders():
        if known == name:
            return path
    raise ValueError(
        f"no data set {name!r}; there are {', '.join(list_recipes()) or 'none'}, or give a recipe file"
    )


@dataclass(frozen=True)
class Recipe:
    """What a recipe file states, checked. ``grid`` is the one the equation is solved on."""

    name: str
    pde: PDE
    grid: Grid
    store: int
    fields: Mapping[str, Mapping[str, Any]]
    solver: str
    options: Mapping[str, Any]
    samples: int
    keep: tuple[str, ...]


def _section(
    where: str, given: object, required: tuple[str, ...], optional: tuple[str, ...] | None = ()
) -> dict[str, Any]:
    """``given`` as a dict that holds the required keys and no unknown one (any, for optional=None)."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: expected keys and values, found {given!r}")
    known = required + (optional or ())
    unknown = [str(key) for key in given if key not in known]
    if unknown and optional is not None:
        raise ValueError(f"{where}: unknown key {', '.join(unknown)}; there are {', '.join(known) or 'none'}")
    missing = [key for key in required if key not in given]
    if missing:
        raise ValueError(f"{where}: key {', '.join(missing)} is missing")
    return dict(given)


def _number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        hint = " (YAML wants a point: 1.0e-6)" if isinstance(value, str) and "e" in value.lower() else ""
        raise ValueError(f"{where}: expected a number, found {value!r}{hint}")
    return value


def _list(where: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: expected a list, found {value!r}")
    return value


def _count(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{where}: expected a positive whole number, found {value!r}")
    return value


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read and check a recipe file.

    Raises FileNotFoundError, or ValueError that names the file and the key at fault.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such recipe file")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from None
    try:
        return _recipe(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _recipe(content: object) -> Recipe:
    top = _section(
        "recipe", content, ("name", "equation", "domain", "grid", "fields", "solver", "samples"), ("keep",)
    )
    pde = _equation(top["equation"])
    grid, store = _grid(top["domain"], top["grid"])
    solver = _section("solver", top["solver"], ("name",), None)
    name = str(solver.pop("name"))
    if name not in SOLVERS:
        raise ValueError(f"solver: unknown name {name!r}; there are {', '.join(SOLVERS)}")
    options = _section(f"solver {name}", solver, *SOLVERS[name].keys)
    for key, value in options.items():
        for item in value if isinstance(value, list) else [value]:
            _number(f"solver: {key}", item)
    fields = _section("fields", top["fields"], pde.inputs, pde.fields)
    for field, law in fields.items():
        _check_law(f"fields: {field}", law, len(grid))
    made = (*pde.inputs, *pde.fields)
    keep = top.get("keep", list(made))
    if not isinstance(keep, list) or not keep or not all(name in made for name in keep):
        raise ValueError(f"keep: expected a list of {', '.join(made)}, found {keep!r}")
    samples = _count("samples", top["samples"])
    return Recipe(str(top["name"]), pde, grid, store, fields, name, options, samples, tuple(keep))


def _equation(given: object) -> PDE:
    stated = _section("equation", given, ("name",), ("parameters",))
    if stated["name"] not in equations.__all__:
        known = ", ".join(sorted(equations.__all__))
        raise ValueError(f"equation: unknown name {stated['name']!r}; there are {known}")
    kind = getattr(equations, stated["name"])
    names = tuple(field.name for field in dataclasses.fields(kind))
    parameters = _section("equation: parameters", stated.get("parameters", {}), (), names)
    return kind(**{key: _number(f"equation: {key}", value) for key, value in parameters.items()})


def _grid(domain: object, given: object) -> tuple[Grid, int]:
    stated = _section("grid", given, ("convention", "solve", "store"), ("periodic",))
    axes = []
    for name, ends in _section("domain", domain, (), None).items():
        if not isinstance(ends, list) or len(ends) != 2:
            raise ValueError(f"domain: {name}: expected [lower, upper], found {ends!r}")
        lower, upper = (float(_number(f"domain: {name}", end)) for end in ends)
        size = _count("grid: solve", stated["solve"])
        axes.append(Axis(name, size, lower, upper, stated["convention"], bool(stated.get("periodic", False))))
    if not axes:
        raise ValueError("domain: expected [lower, upper] for each axis by name")
    return Grid(axes), _count("grid: store", stated["store"])


def _check_law(where: str, law: object, dims: int) -> None:
    special = [kind for kind in ("constant", "waves") if isinstance(law, Mapping) and kind in law]
    stated = _section(where, law, *LAWS[special[0] if special else "random"])
    for number, wave in enumerate(_list(f"{where}: waves", stated.pop("waves", []))):
        name = f"{where}: waves[{number}]"
        given = _section(name, wave, ("amplitude", "wavenumbers"), ("phase",))
        wavenumbers = _list(f"{name}: wavenumbers", given.pop("wavenumbers"))
        if len(wavenumbers) != dims or not all(isinstance(k, int) for k in wavenumbers):
            raise ValueError(f"{name}: wavenumbers: expected {dims} whole numbers, found {wavenumbers!r}")
        for key, value in given.items():
            _number(f"{name}: {key}", value)
    phases = stated.pop("threshold", None)
    if phases is not None:
        stated |= _section(f"{where}: threshold", phases, ("below", "above"))
    for key, value in stated.items():
        if key not in ("boundary", "mean_zero"):
            _number(f"{where}: {key}", value)


def _locate(recipe: str | os.PathLike[str]) -> Path:
    """The file of a recipe given by name, by folder or by itself."""
    path = Path(recipe)
    if isinstance(recipe, str) and path.name == recipe and not path.suffix:
        return find_recipe(recipe)
    return path / "recipe.yaml" if path.is_dir() else path


def make_dataset(
    recipe: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    n_samples: int | None = None,
    resolution: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Make a data set and write it to ``out`` in The Well's schema (float32); return its path.

    The equation is always solved at the recipe's own resolution in float64 and the points of a nested
    coarser grid are stored. So a seed gives the same physical samples at every resolution, and sample i is
    the same however many are made.

    Parameters
    ----------
    recipe : name of a data set, or path of a recipe file or of its folder
    n_samples, resolution : instead of the recipe's own; the resolution holds for every axis
    seed : of the random fields
    overwrite : replace an existing file
    progress : show a progress bar on a terminal

    Raises ValueError and FileNotFoundError that name what is wrong and what there is.
    """
    target = Path(out)
    if target.exists() and not overwrite:
        raise ValueError(f"{target}: already exists; pass overwrite=True to replace it")
    plan = read_recipe(_locate(recipe))
    count = plan.samples if n_samples is None else n_samples
    if count < 1:
        raise ValueError(f"n_samples={count}: a data set has at least one sample")
    size = plan.store if resolution is None else resolution
    points: tuple[Any, ...] = (..., *(axis.nested(size) for axis in plan.grid))

    # consecutive seeds: no two samples of a data set can have the same
    first_seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
    batch_size = max(1, _BATCH_POINTS // int(np.prod(plan.grid.shape)))
    parts: dict[str, list[np.ndarray]] = {name: [] for name in plan.keep}
    with tqdm(total=count, unit="sample", desc=plan.name, disable=None if progress else True) as bar:
        for start in range(0, count, batch_size):
            batch = range(start, min(start + batch_size, count))
            drawn = [draw(plan.fields, plan.grid, (first_seed + i) % 2**32) for i in batch]
            given = {name: torch.stack([sample[name] for sample in drawn]) for name in plan.fields}
            solved = SOLVERS[plan.solver].solve(plan.pde, given, plan.grid, plan.options)
            for name, values in parts.items():
                values.append(solved[name][points].to(torch.float32).numpy())
            bar.update(len(batch))
    return write_well(
        target,
        {name: np.concatenate(values) for name, values in parts.items()},
        plan.grid.resized(size),
        times=plan.options.get("times"),
        name=plan.name,
        parameters={
            key: float(value) for key, value in vars(plan.pde).items() if isinstance(value, int | float)
        },
        overwrite=overwrite,
    )
