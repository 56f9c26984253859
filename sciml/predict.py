"""Predictions of a trained run, from file to file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sciml.data import FieldDataset, Selection, atomic_path, write_well
from sciml.tasks import NormalizedOperator, rollout
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
    names = [Selection.parse(text).field for text in description["targets"]]
    times = description["target_times"]
    channels = sum(map(len, times))
    if any(own != times[0] for own in times) and channels > len(names):
        raise ValueError(
            f"the targets {', '.join(description['targets'])} have different times; only equal ones can be written"
        )

    def predicted(x: Tensor) -> Tensor:
        if not description["rollout"]:
            return model.on(x, dataset.grid)
        return rollout(lambda frames: model.on(frames, dataset.grid), x, len(times[0]))

    with torch.no_grad():
        fields = torch.cat([predicted(x) for x in dataset.load()[0].split(_BATCH)])
    if channels != fields.shape[1]:
        raise ValueError(
            f"the model gives {fields.shape[1]} channels for the targets {', '.join(names)}; only scalar targets can be written"
        )
    several = len(times[0]) > 1
    parts = fields.unflatten(1, (len(names), -1)).unbind(1)
    return write_well(
        target,
        {
            name: part.numpy() if several else part[:, 0].numpy()
            for name, part in zip(names, parts, strict=True)
        },
        dataset.grid,
        times=times[0] if several else None,
        name=f"prediction of {dataset.file.name}",
        boundary=dataset.file.boundary,
        overwrite=True,
    )
