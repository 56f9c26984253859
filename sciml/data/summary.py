"""What a data file holds, as text."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch

from .moments import Moments
from .reader import FieldFile


def summarize(path: str | os.PathLike[str]) -> str:
    """A table of a file in The Well's schema: size, times, axes, and the statistics of every field.

    Reads all data once. Statistics of a field with NaN or inf are themselves not finite, and the number of
    such values is shown.

    Raises FileNotFoundError or `DataFileError` (a ValueError) naming the file and what is wrong with it.
    """
    with FieldFile(path) as file:
        lines = [
            f"{path}: {file.name}",
            f"  size on disk  {_size(file.path.stat().st_size)}",
            f"  samples       {file.n_samples}",
            f"  times         {_times(file.times)}",
            f"  parameters    {', '.join(f'{k} = {v:g}' for k, v in file.parameters.items()) or 'none'}",
            "",
            *_table(["axis", "points", "lower", "upper", "convention", "boundary"], _axes(file)),
            "",
            *_table(
                ["field", "shape", "dtype", "min", "mean", "max", "std", "not finite", "constant in"],
                _fields(file),
            ),
        ]
    return "\n".join(lines)


def _axes(file: FieldFile) -> list[list[str]]:
    try:
        grid = file.grid
    except ValueError as error:
        # a file can be looked at even where its grid cannot be trained on
        sizes = zip(file.layout.axes, file.layout.shape, strict=True)
        return [[name, str(n), "?", "?", "?", file.boundary.get(name, "?")] for name, n in sizes] + [
            [str(error)]
        ]
    return [
        [a.name, str(a.n), f"{a.lower:g}", f"{a.upper:g}", a.convention, file.boundary.get(a.name, "?")]
        for a in grid
    ]


def _fields(file: FieldFile) -> list[list[str]]:
    rows = []
    for name, info in file.layout.fields.items():
        moments = Moments(1)
        for block in file.blocks(name):
            moments.update(torch.from_numpy(block).flatten()[None, None])
        figures = (moments.minimum, moments.mean, moments.maximum, moments.std)
        varies = {"sample": info.sample_varying, "time": info.time_varying}
        varies |= dict(zip(file.layout.axes, info.dim_varying, strict=True))
        constant = ", ".join(dimension for dimension, does in varies.items() if not does)
        statistics = [f"{figure.item():.4g}" for figure in figures]
        rows.append(
            [
                name,
                "x".join(map(str, info.shape)),
                str(info.dtype),
                *statistics,
                str(moments.nonfinite.item()),
                constant,
            ]
        )
    return rows


def _times(times: np.ndarray) -> str:
    n = times.shape[-1]
    return f"{n}, from {times.min():g} to {times.max():g}" if n > 1 else f"1, at {times.flat[0]:g}"


def _size(n_bytes: int) -> str:
    size, units = float(n_bytes), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.4g} {units[0]}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Left-aligned columns, two blanks apart; a row of one cell is a remark across the table."""
    cells = [row for row in rows if len(row) > 1]
    widths = [max(len(row[i]) for row in [header, *cells]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        aligned = (
            row if len(row) == 1 else [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        )
        lines.append(("  " + "  ".join(aligned)).rstrip())
    return lines
