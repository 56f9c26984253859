"""What `sciml list` shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

import operators
import pdes
import pdes.benchmarks
import pdes.equations
import sciml.optim
from sciml.assemble import is_class
from sciml.components import public
from sciml.data import list_recipes
from sciml.optim import Balancer


def catalogue() -> dict[str, dict[str, str]]:
    """By kind, the name and the first line of documentation of everything that a configuration can name."""

    def of(module: ModuleType, accept: Callable[[Any], bool]) -> dict[str, str]:
        return {name: _first_line(value) for name, value in public(module, accept).items()}

    optimizer = is_class(torch.optim.Optimizer)
    return {
        "equations": of(pdes.equations, is_class(pdes.PDE)),
        "benchmarks": of(pdes.benchmarks, callable),
        "operators": of(operators, is_class(operators.Operator))
        | of(operators, is_class(operators.CoordinateNetwork)),
        "balancers": of(sciml.optim, is_class(Balancer)),
        "optimizers": of(sciml.optim, optimizer)
        | {name: "torch.optim" for name, value in vars(torch.optim).items() if optimizer(value)},
        "datasets": dict.fromkeys(list_recipes(), "sciml data make NAME --out FILE.h5"),
    }


def _first_line(value: Any) -> str:
    return (inspect.getdoc(value) or "").split("\n")[0]
