"""Which field of a file, at which time: ``a``, ``u[0]``, ``u[-1]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PATTERN = re.compile(r"(?P<field>[^\[\]]+?)(\[(?P<time>-?\d+)\])?")


@dataclass(frozen=True)
class Selection:
    """A field by name and, for a field that changes in time, the index of a time step (negative: from the end)."""

    field: str
    time: int | None = None

    @classmethod
    def parse(cls, text: str) -> Selection:
        """Read ``name`` or ``name[index]``. Raises ValueError for anything else."""
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise ValueError(
                f"cannot read the selection {text!r}; write a field's name, 'u', or one time step, 'u[0]'"
            )
        time = match["time"]
        return cls(match["field"].strip(), None if time is None else int(time))

    def time_index(self, n_times: int) -> int:
        """The time step, 0 <= index < ``n_times``.

        Raises ValueError if the step does not exist, or if none is named where there are several.
        """
        if self.time is None:
            if n_times > 1:
                raise ValueError(
                    f"field {self.field!r} has {n_times} time steps; write '{self.field}[0]' to name one"
                )
            return 0
        if not -n_times <= self.time < n_times:
            raise ValueError(f"'{self}' is outside the {n_times} time step(s) of field {self.field!r}")
        return self.time % n_times

    def __str__(self) -> str:
        return self.field if self.time is None else f"{self.field}[{self.time}]"
