"""Names of derivatives: "xxt" means twice by x and once by t."""

from __future__ import annotations

from collections.abc import Sequence


def parse_axes(axes: str | Sequence[str], coords: Sequence[str]) -> tuple[str, ...]:
    """The coordinates to differentiate by, in the order of ``coords`` (derivatives commute).

    A string holds one-letter names side by side ("xxt") or is one name ("x1"); a tuple holds names.

    Raises ValueError for a name that is no coordinate.
    """
    names = (axes,) if isinstance(axes, str) and axes in coords else tuple(axes)
    unknown = [name for name in names if name not in coords]
    if unknown or not names:
        raise ValueError(
            f"derivative {axes!r}: coordinates are {', '.join(coords)}; write for example d(u, {coords[0]!r})"
        )
    return tuple(sorted(names, key=list(coords).index))
