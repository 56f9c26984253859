"""Recipes of data sets: a YAML file states equation, random fields, grid and solver; `make_dataset` makes the data.

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
``solver: {times: [0.0, 50.0], intervals: 50}`` stores 51 states at equal intervals.
Where ``solve`` is a list, the first of its grids is taken in which all points to be stored are nested.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pdes import equations
from pdes.grid import Axis, Grid
from pdes.pde import PDE

from .generate import LAWS, SOLVERS

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
    """What a recipe file states, checked. ``grids`` are those that the equation can be solved on."""

    name: str
    pde: PDE
    grids: tuple[Grid, ...]
    store: int
    fields: Mapping[str, Mapping[str, Any]]
    solver: str
    options: Mapping[str, Any]
    samples: int
    keep: tuple[str, ...]
    intervals: int | None = None

    def grid_for(self, sizes: Sequence[int]) -> Grid:
        """The first grid whose solution is known at the points of all ``sizes``. Raises ValueError where there is none."""
        reasons = []
        for grid in self.grids:
            try:
                for size, axis in itertools.product(sizes, grid):
                    if size < 2 or not self._known_everywhere or axis.convention != "half-open":
                        axis.nested(size)
                return grid
            except ValueError as error:
                reasons.append(str(error))
        raise ValueError("; ".join(reasons))

    @property
    def _known_everywhere(self) -> bool:
        return SOLVERS[self.solver].band_limited and set(self.keep) <= set(self.pde.fields)

    def times(self, intervals: int | None) -> list[float] | None:
        """The ends of so many equal ``intervals``, or the recipe's own times; None for a steady problem.

        Raises ValueError for intervals of a steady problem, or less than one.
        """
        times = self.options.get("times")
        intervals = self.intervals if intervals is None else intervals
        if intervals is None:
            return times
        if times is None:
            raise ValueError(f"{self.name} is steady: it has no intervals of time")
        return np.linspace(times[0], times[-1], _count("intervals", intervals) + 1).tolist()


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
    grids, store = _grids(top["domain"], top["grid"])
    solver = _section("solver", top["solver"], ("name",), None)
    name = str(solver.pop("name"))
    if name not in SOLVERS:
        raise ValueError(f"solver: unknown name {name!r}; there are {', '.join(SOLVERS)}")
    options = _section(f"solver {name}", solver, *SOLVERS[name].keys)
    intervals = options.pop("intervals", None)
    if intervals is not None:
        _count("solver: intervals", intervals)
    for key, value in options.items():
        for item in value if isinstance(value, list) else [value]:
            _number(f"solver: {key}", item)
    fields = _section("fields", top["fields"], pde.inputs, pde.fields)
    for field, law in fields.items():
        _check_law(f"fields: {field}", law, len(grids[0]))
    made = (*pde.inputs, *pde.fields)
    keep = top.get("keep", list(made))
    if not isinstance(keep, list) or not keep or not all(name in made for name in keep):
        raise ValueError(f"keep: expected a list of {', '.join(made)}, found {keep!r}")
    samples = _count("samples", top["samples"])
    return Recipe(str(top["name"]), pde, grids, store, fields, name, options, samples, tuple(keep), intervals)


def _equation(given: object) -> PDE:
    stated = _section("equation", given, ("name",), ("parameters",))
    if stated["name"] not in equations.__all__:
        known = ", ".join(sorted(equations.__all__))
        raise ValueError(f"equation: unknown name {stated['name']!r}; there are {known}")
    kind = getattr(equations, stated["name"])
    names = tuple(field.name for field in dataclasses.fields(kind))
    parameters = _section("equation: parameters", stated.get("parameters", {}), (), names)
    return kind(**{key: _number(f"equation: {key}", value) for key, value in parameters.items()})


def _grids(domain: object, given: object) -> tuple[tuple[Grid, ...], int]:
    stated = _section("grid", given, ("convention", "solve", "store"), ("periodic",))
    solve = stated["solve"] if isinstance(stated["solve"], list) and stated["solve"] else [stated["solve"]]
    sizes = [_count("grid: solve", size) for size in solve]
    axes = []
    for name, ends in _section("domain", domain, (), None).items():
        if not isinstance(ends, list) or len(ends) != 2:
            raise ValueError(f"domain: {name}: expected [lower, upper], found {ends!r}")
        lower, upper = (float(_number(f"domain: {name}", end)) for end in ends)
        axes.append(
            Axis(name, max(sizes), lower, upper, stated["convention"], bool(stated.get("periodic", False)))
        )
    if not axes:
        raise ValueError("domain: expected [lower, upper] for each axis by name")
    return tuple(Grid(axes).resized(size) for size in sizes), _count("grid: store", stated["store"])


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


def locate_recipe(recipe: str | os.PathLike[str]) -> Path:
    """The file of a recipe given by name, by folder or by itself."""
    path = Path(recipe)
    if isinstance(recipe, str) and path.name == recipe and not path.suffix:
        return find_recipe(recipe)
    return path / "recipe.yaml" if path.is_dir() else path
