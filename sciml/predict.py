"""Predictions of a trained run, from file to file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sciml.data import FieldDataset, Selection, atomic_path, write_well
from sciml.tasks import NormalizedOperator
from sciml.train import load_model

_BATCH = 32
_POINTS = 65_536


def predict(folder: str | Path, source: str | Path, target: str | Path, *, overwrite: bool = False) -> Path:
    """Apply the model of a run folder.

    A PINN takes an .npy file of points (n, d), in the order of the equation's coordinates, and writes fields
    (n, k) as .npy. An operator takes an HDF5 file that holds its input fields, at any resolution, and writes
    one with its target fields.

    Raises ValueError for an input of the wrong kind, shape or grid and FileExistsError where ``target`` exists.
    """
    model, description = load_model(folder)
    source, target = Path(source), Path(target)
    if not source.is_file():
        raise FileNotFoundError(f"input {source} does not exist")
    if target.exists() and not overwrite:
        raise FileExistsError(f"output {target} exists; use --overwrite to replace it")
    if isinstance(model, NormalizedOperator):
        return _predict_fields(model, description, source, target)
    return _predict_points(model, description, source, target)


def _predict_points(model: nn.Module, description: dict[str, Any], source: Path, target: Path) -> Path:
    coords = description["coords"]
    try:
        points = np.load(source, allow_pickle=False)
    except (ValueError, EOFError):
        raise ValueError(
            f"{source} is not an .npy file of numbers; save the points with numpy.save"
        ) from None
    if points.ndim != 2 or points.shape[1] != len(coords) or points.dtype.kind not in "fiu":
        raise ValueError(
            f"{source} holds {points.dtype} of shape {points.shape}; expected points (n, {len(coords)}) in the order {', '.join(coords)}"
        )
    if not np.isfinite(points).all():
        raise ValueError(f"{source} holds points that are not finite; remove them")
    dtype = next(model.parameters()).dtype
    with torch.no_grad():
        parts = [model(part.to(dtype)) for part in torch.from_numpy(points).split(_POINTS)]
    fields = torch.cat(parts).numpy() if parts else np.empty((0, len(description["fields"])))
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        np.save(file, fields)
    return target


def _predict_fields(
    model: NormalizedOperator, description: dict[str, Any], source: Path, target: Path
) -> Path:
    dtype = next(model.parameters()).dtype
    inputs = description["inputs"]
    dataset = FieldDataset(source, inputs, inputs, dtype=dtype)
    with torch.no_grad():
        outputs = [model.on(x, dataset.grid) for x in dataset.load()[0].split(_BATCH)]
    fields = torch.cat(outputs).numpy()
    names = [Selection.parse(text).field for text in description["targets"]]
    if len(names) != fields.shape[1]:
        raise ValueError(
            f"the model gives {fields.shape[1]} channels for the targets {', '.join(names)}; only scalar targets can be written"
        )
    return write_well(
        target,
        dict(zip(names, np.moveaxis(fields, 1, 0), strict=True)),
        dataset.grid,
        name=f"prediction of {dataset.file.name}",
        boundary=dataset.file.boundary,
        overwrite=True,
    )
