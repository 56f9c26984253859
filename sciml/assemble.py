"""From a configuration to a task and a model."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import operators
import pdes.benchmarks
import sciml.optim
from operators import CoordinateNetwork, Operator
from pdes import Grid, Periodic, Problem
from pdes.exact_conditions import ExactConditions, exactly_possible, without_conditions
from sciml.components import build, public
from sciml.config import Component, Config, TrainConfig
from sciml.data import FieldDataset, FieldKind, Symmetries, split_indices
from sciml.optim import Balancer
from sciml.tasks import NormalizedOperator, OperatorTask, PinnTask, RolloutTask, Task


def is_class(base: type) -> Any:
    """The test whether an object is a proper subclass of ``base``."""
    return lambda value: isinstance(value, type) and issubclass(value, base) and value is not base


def pick_device(name: str) -> torch.device:
    """The device of a configuration; "auto" takes a GPU where there is one.

    Raises ValueError for a device that this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device {name!r} is not available; use auto or cpu ({str(error).splitlines()[0]})"
        ) from None
    return device


def make_problem(component: Component) -> Problem:
    """A named benchmark, or the ``Problem`` that a function of a user's file returns ("file.py:function").

    Raises ValueError for an unknown name or a function that returns something else.
    """
    path, colon, function = component.name.partition(":")
    if not colon:
        problem = build(component, public(pdes.benchmarks, callable), "problem")
    else:
        if not Path(path).is_file():
            raise FileNotFoundError(f"problem {component.name!r}: file {path} does not exist")
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not callable(getattr(module, function, None)):
            raise ValueError(f"problem {component.name!r}: {path} has no function {function!r}")
        problem = build(
            Component(function, component.options), {function: getattr(module, function)}, "problem"
        )
    if not isinstance(problem, Problem):
        raise ValueError(
            f"problem {component.name!r} returned {type(problem).__name__}, expected pdes.Problem"
        )
    return problem


def make_pinn(
    config: Config, dtype: torch.dtype, device: torch.device
) -> tuple[PinnTask, nn.Module, dict[str, Any]]:
    """Task, network and description of a PINN."""
    assert config.problem is not None
    problem = make_problem(config.problem)
    exact = exactly_possible(problem) if config.exact == ["all"] else config.exact
    grid = problem.collocation_grid(config.points.grid) if config.points.grid else None
    task = PinnTask(
        without_conditions(problem, exact),
        **{**vars(config.points), "grid": grid},
        seed=config.seed,
        dtype=dtype,
        device=device,
    )
    pde, domain = problem.pde, problem.domain
    periodic = {c.coord for c in problem.conditions if isinstance(c, Periodic) and c.name in exact}
    network = build(
        config.model,
        public(operators, is_class(CoordinateNetwork)),
        "model",
        in_features=len(pde.coords),
        out_features=len(pde.fields),
        lower=list(domain.lower),
        upper=list(domain.upper),
        periodic=sorted(domain.axis(coord) for coord in periodic),
    )
    model = with_exact_conditions(network.to(dtype), problem, exact)
    description = {
        "kind": "pinn",
        "coords": pde.coords,
        "fields": pde.fields,
        "problem": asdict(config.problem),
        "exact": exact,
        "known": problem.known is not None,
    }
    return task, model, description


def with_exact_conditions(network: nn.Module, problem: Problem, exact: Sequence[str]) -> nn.Module:
    """The network as a PINN uses it: wrapped where conditions are exact or a part of the solution is known."""
    return ExactConditions(network, problem, exact) if exact or problem.known else network


def held_out(file: FieldDataset, share: float, seed: int) -> tuple[FieldDataset, FieldDataset]:
    """The samples of a file, less a share of them, and that share."""
    parts = split_indices(len(file), {"train": 1 - share, "validation": share}, seed)
    train, validation = (file.subset(parts[name]) for name in ("train", "validation"))
    return train, validation


def make_operator(
    config: Config, dtype: torch.dtype, device: torch.device
) -> tuple[OperatorTask, nn.Module, dict[str, Any]]:
    """Task, model and description of an operator."""
    data = config.data
    assert data is not None
    files = [FieldDataset(path, data.inputs, data.targets, dtype=dtype) for path in data.train_files]
    files.sort(key=lambda file: math.prod(file.grid.shape), reverse=True)
    validation = None
    if data.validation:
        # files of as many samples lose the same ones, so that none is seen on another grid
        halves = [held_out(file, data.validation, config.seed) for file in files]
        files, validation = [kept for kept, _ in halves], halves[0][1]
    train, *also = files
    rollout = config.train.rollout
    make_task = OperatorTask if rollout is None else partial(RolloutTask, **asdict(rollout))
    task = make_task(
        train=train,
        also=also,
        tests=[FieldDataset(path, data.inputs, data.targets, dtype=dtype) for path in data.test],
        validation=validation,
        batch_size=data.batch_size,
        loss=config.train.loss,
        channel_weights=config.train.channel_weights,
        input_noise=data.input_noise,
        coarsening=data.coarsen,
        coarse_until=data.coarse_until,
        method=data.coarsen_by,
        symmetries=data.symmetries,
        pseudo=data.pseudo,
        seed=config.seed,
        device=device,
        workers=data.workers,
    )
    operator = build(
        config.model,
        public(operators, is_class(Operator)),
        "model",
        in_channels=train.in_channels,
        out_channels=task.out_channels,
        dims=len(train.grid),
        domain=[(axis.lower, axis.upper) for axis in train.grid],
        grid=[axis.convention for axis in train.grid],
        size=[axis.n for axis in train.grid],
    )
    if any(getattr(operator, "zero_boundary", ())) and data.normalize_targets == "standard":
        raise ValueError(
            "model.options.zero_boundary needs targets whose zero stays zero, but data.normalize_targets is 'standard'; set it to 'scale'"
        )
    averaged = None
    if data.average_symmetries:
        if not data.symmetries:
            raise ValueError("data.average_symmetries needs data.symmetries; name those that the problem has")
        averaged = {"names": data.symmetries, "kinds": train.kinds(data.pseudo)}
    model = NormalizedOperator(
        operator,
        *task.normalizers(data.normalize_inputs, data.normalize_targets),
        make_symmetries(averaged, train.grid) if averaged else None,
    )
    description = {
        "kind": "operator",
        "inputs": data.inputs,
        "targets": data.targets,
        "target_times": [train.file.times[train.steps(selection)].tolist() for selection in train.targets],
        "rollout": rollout is not None,
        "normalize": [data.normalize_inputs, data.normalize_targets],
        "symmetries": averaged,
        "grid": [asdict(axis) for axis in train.grid],
    }
    return task, model, description


def make_symmetries(description: Mapping[str, Any], grid: Grid) -> Symmetries:
    """What predictions are averaged over, as model.json describes it."""
    inputs, targets = ([FieldKind(*kind) for kind in kinds] for kinds in description["kinds"])
    return Symmetries(description["names"], grid, inputs, targets)


def assemble(config: Config) -> tuple[Task, nn.Module, list[Balancer], dict[str, Any]]:
    """Task, model, the balancer of each stage and the description with which the model is saved.

    Seeds torch, so that the same configuration gives the same initial weights. Raises ValueError and
    FileNotFoundError for what is wrong with the configuration or its files; nothing is written.
    """
    device = pick_device(config.device)
    dtype = getattr(torch, config.dtype)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    make = make_pinn if config.problem is not None else make_operator
    task, model, description = make(config, dtype, device)
    return task, model.to(device=device, dtype=dtype), make_balancers(config.train), description


def make_balancers(config: TrainConfig) -> list[Balancer]:
    """The balancer of each stage; those without one of their own share train.balancer, and what it remembers."""
    known = public(sciml.optim, is_class(Balancer))
    common: Balancer = build(config.balancer, known, "balancer")
    return [common if s.balancer is None else build(s.balancer, known, "balancer") for s in config.stages]
