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
    """Share of the training that is over: of its steps, or of its time budget where that is further."""

    def __init__(self, total_steps: int, max_seconds: float | None) -> None:
        self._total, self._max_seconds = total_steps, max_seconds
        self._bar: tqdm[Any] | None = None
        self._last_line = time.perf_counter()
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=1.0, dynamic_ncols=True, bar_format="{percentage:3.0f}% |{bar}| {elapsed}{postfix}"
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, step: int, wall_s: float, record: Mapping[str, Any]) -> None:
        """Show a record of metrics.jsonl."""
        values = {k: f"{v:.2e}" for k, v in record.items() if k not in _HIDDEN and isinstance(v, float)}
        if self._bar is not None:
            over = max(step / self._total, wall_s / self._max_seconds if self._max_seconds else 0.0)
            self._bar.update(min(over, 1.0) - self._bar.n)
            self._bar.set_postfix({"step": step, **values})
        elif time.perf_counter() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.perf_counter()
            budget = "" if self._max_seconds is None else f" of {self._max_seconds:.0f}"
            shown = "  ".join(f"{k} {v}" for k, v in values.items())
            line = f"step {step} of {self._total}  {wall_s:.0f}{budget} s  {shown}\n"
            sys.stderr.write(line)
            sys.stderr.flush()
