"""What `sciml list` shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import operators
import pdes
import pdes.benchmarks
import pdes.equations
import sciml.optim
from sciml.assemble import is_class
from sciml.components import public
from sciml.data import list_recipes
from sciml.optim import Balancer
from sciml.optim.by_name import known_optimizers, more_optimizers, require_usable


def _of(module: ModuleType, accept: Callable[[Any], bool]) -> dict[str, str]:
    return {name: _first_line(value) for name, value in public(module, accept).items()}


def _optimizers() -> dict[str, str]:
    known = {name: _source(value) for name, value in known_optimizers().items()}
    more = {name: "pytorch-optimizer" for name, value in more_optimizers().items() if _usable(name, value)}
    return known | more


CATALOGUE: dict[str, Callable[[], dict[str, str]]] = {
    "equations": lambda: _of(pdes.equations, is_class(pdes.PDE)),
    "benchmarks": lambda: _of(pdes.benchmarks, callable),
    "operators": lambda: (
        _of(operators, is_class(operators.Operator)) | _of(operators, is_class(operators.CoordinateNetwork))
    ),
    "balancers": lambda: _of(sciml.optim, is_class(Balancer)),
    "optimizers": _optimizers,
    "datasets": lambda: dict.fromkeys(list_recipes(), "sciml data make NAME --out FILE.h5"),
}
"""By kind, what gives the name and the first line of documentation of everything that a configuration can name."""


def _first_line(value: Any) -> str:
    return (inspect.getdoc(value) or "").split("\n")[0]


def _source(optimizer: Any) -> str:
    return "torch.optim" if optimizer.__module__.startswith("torch.") else _first_line(optimizer)


def _usable(name: str, optimizer: Any) -> bool:
    try:
        require_usable(name, optimizer)
    except ValueError:
        return False
    return True
