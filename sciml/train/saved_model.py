"""A trained model on disk: its description as JSON and its weights as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

import operators
from pdes import Axis, Grid
from pdes.exact_conditions import ExactConditions
from sciml.assemble import make_problem, make_symmetries, with_exact_conditions
from sciml.config import Component
from sciml.data import Normalizer, atomic_path
from sciml.evaluate import write_json
from sciml.tasks import NormalizedOperator


def save_model(folder: Path, model: nn.Module, description: Mapping[str, Any]) -> None:
    """Write model.safetensors and model.json.

    ``description`` says what kind of model it is and what it takes and gives; class, options and dtype are added.
    """
    network = model
    if isinstance(model, NormalizedOperator):
        network = model.operator
    elif isinstance(model, ExactConditions):
        network = model.network
    assert isinstance(network, operators.Model)
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    with atomic_path(folder / "model.safetensors") as temporary:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()},
            temporary,
        )
    write_json(
        folder / "model.json",
        {**description, "model": type(network).__name__, "options": network.options, "dtype": dtype},
    )


def load_model(folder: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """The model of a run folder, ready to predict, and its description.

    Raises FileNotFoundError where the folder holds no trained model, ValueError where its files do not belong together.
    """
    folder = Path(folder)
    for name in ("model.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} holds no trained model ({name} is missing); finish the run with sciml train --resume"
            )
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    try:
        network = getattr(operators, description["model"])(**description["options"])
        model: nn.Module = network
        if description["kind"] == "operator":
            inputs, targets = description["normalize"]
            averaged = description.get("symmetries")
            model = NormalizedOperator(
                network,
                Normalizer(network.in_channels, inputs),
                Normalizer(network.out_channels, targets),
                make_symmetries(averaged, training_grid(description)) if averaged else None,
            )
        model.to(getattr(torch, description["dtype"]))
        if description.get("exact") or description.get("known"):
            problem = make_problem(Component(**description["problem"]))
            model = with_exact_conditions(network, problem, description["exact"])
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{folder}: model.json and model.safetensors do not fit together: {str(error).splitlines()[0]}"
        ) from error
    return model.eval(), description


def training_grid(description: Mapping[str, Any]) -> Grid:
    """The grid an operator was trained on."""
    return Grid(Axis(**axis) for axis in description["grid"])
