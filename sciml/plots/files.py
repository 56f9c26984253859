"""Figures as files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from sciml.data.atomic import atomic_path


def save(fig: Figure, path: str | Path) -> Path:
    """Write a figure, whole or not at all; the suffix of ``path`` (.png, .pdf, .svg) selects the format.

    Raises ValueError for a suffix that names no figure format.
    """
    target = Path(path)
    suffix = target.suffix.removeprefix(".")
    if suffix not in fig.canvas.get_supported_filetypes():
        raise ValueError(f"figure {target} has the suffix {target.suffix!r}; use .png, .pdf or .svg")
    with atomic_path(target) as temporary:
        fig.savefig(temporary, format=suffix, bbox_inches="tight", pad_inches=0.08)
    return target
