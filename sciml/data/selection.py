"""Which field of a file, at which times: ``a``, ``u[0]``, ``u[-1]``, ``u[0:10]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PATTERN = re.compile(r"(?P<field>[^\[\]]+?)(\[(?P<time>-?\d+)(:(?P<stop>-?\d+))?\])?")


@dataclass(frozen=True)
class Selection:
    """A field by name and, for a field that changes in time, the index of a time step, or of the first of several.

    ``stop`` is the index after the last of several. Negative indices count from the end.
    """

    field: str
    time: int | None = None
    stop: int | None = None

    @classmethod
    def parse(cls, text: str) -> Selection:
        """Read ``name``, ``name[index]`` or ``name[first:stop]``. Raises ValueError for anything else."""
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise ValueError(
                f"cannot read the selection {text!r}; write a field's name, 'u', one time step, 'u[0]', or several, 'u[0:10]'"
            )
        time, stop = (None if match[name] is None else int(match[name]) for name in ("time", "stop"))
        return cls(match["field"].strip(), time, stop)

    def steps(self, n_times: int) -> range:
        """The time steps, each at least 0 and below ``n_times``.

        Raises ValueError if one does not exist, if there is none, or if none is named where there are several.
        """
        if self.time is None:
            if n_times > 1:
                raise ValueError(
                    f"field {self.field!r} has {n_times} time steps; write '{self.field}[0]' to name one"
                )
            return range(1)
        if not -n_times <= self.time < n_times:
            raise ValueError(f"'{self}' is outside the {n_times} time step(s) of field {self.field!r}")
        start = self.time % n_times
        if self.stop is None:
            return range(start, start + 1)
        stop = self.stop if self.stop > 0 else self.stop + n_times
        if not start < stop <= n_times:
            raise ValueError(
                f"'{self}' is no range within the {n_times} time step(s) of field {self.field!r}"
            )
        return range(start, stop)

    def __str__(self) -> str:
        if self.time is None:
            return self.field
        return f"{self.field}[{self.time}]" if self.stop is None else f"{self.field}[{self.time}:{self.stop}]"
