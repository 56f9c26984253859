"""The rows of an evaluation as text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from sciml.evaluate.superresolution import Row


def format_resolution(resolution: int | Sequence[int]) -> str:
    """``32`` or ``32x48``."""
    return str(resolution) if isinstance(resolution, int) else "x".join(map(str, resolution))


def format_place(row: Row) -> str:
    """Where a row was evaluated: ``64``, or ``64, dt/2`` with two frames for each of the training."""
    finer = f", dt/{row['refinement']}" if row["refinement"] > 1 else ""
    return format_resolution(row["resolution"]) + finer


def format_table(rows: Sequence[Row]) -> str:
    """The rows of `super_resolution` as aligned text, and one line that reads the finest of them."""
    header = ["resolution", "rel_l2", "interpolated", "ratio to train", "samples", "name"]
    body = [
        [
            format_place(row),
            _number(row["rel_l2"], ".5f"),
            _number(row["interpolated_rel_l2"], ".5f"),
            _number(row["ratio_to_train"], ".3f"),
            str(row["n_samples"]),
            str(row["name"]),
        ]
        for row in rows
    ]
    return "\n".join([align(header, body), _reading(rows)])


def align(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns, numbers to the right and the last column to the left."""
    widths = [max(len(line[i]) for line in [header, *body]) for i in range(len(header))]

    def aligned(cells: Sequence[str]) -> str:
        numbers = [cell.rjust(width) for cell, width in zip(cells[:-1], widths[:-1], strict=True)]
        return "  ".join([*numbers, cells[-1]])

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([aligned(header), rule, *map(aligned, body)])


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)


def _reading(rows: Sequence[Row]) -> str:
    trained = [row for row in rows if row["interpolated_rel_l2"] is None]
    own = (
        f"its own {format_resolution(trained[0]['resolution'])}-point prediction"
        if trained
        else "its own prediction on the training grid"
    )
    finer = [row for row in rows if row["protocol"] == "low-to-high"]
    if not finer:
        return "no test set is finer than the training grid: this says nothing about super-resolution"
    finest = finer[-1]
    where = f"at {format_resolution(finest['resolution'])} points"
    if finest["refinement"] > 1:
        where += f" and {finest['refinement']} frames for each of the training"
    beats = "beats" if finest["rel_l2"] < finest["interpolated_rel_l2"] else "does not beat"
    return f"the model {beats} interpolation of {own} {where}"
