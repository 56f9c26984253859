"""What is shown while training: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0
_HIDDEN = frozenset({"step", "wall_s", "stage", "lr"})


class Progress:
    """Progress over steps, or over the time budget where there is one."""

    def __init__(self, total_steps: int, max_seconds: float | None, step: int, wall_s: float) -> None:
        self._total, self._max_seconds = total_steps, max_seconds
        self._bar: tqdm[Any] | None = None
        self._last_line = time.perf_counter()
        if sys.stderr.isatty():
            self._bar = tqdm(total=total_steps, initial=step, unit="step", dynamic_ncols=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, step: int, wall_s: float, record: Mapping[str, Any]) -> None:
        """Show a record of metrics.jsonl."""
        values = {k: f"{v:.2e}" for k, v in record.items() if k not in _HIDDEN}
        if self._bar is not None:
            self._bar.update(step - self._bar.n)
            self._bar.set_postfix(values)
        elif time.perf_counter() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.perf_counter()
            "  ".join(f"{k} {v}" for k, v in values.items())
