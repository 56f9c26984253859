"""Notices training that has fallen apart though all numbers stay finite."""

from __future__ import annotations

import logging
import statistics
from collections import deque
from collections.abc import Mapping

_LOG = logging.getLogger(__name__)
_RECORDS = 10
_FACTOR = 10.0


class DivergenceWatch:
    """Warns, once, where every loss is back where it began: the median of its last ten records is above ten times the least such median,
    and above half of the first.

    A hard batch is no divergence, nor a loss that grows while another falls. A divergence can end in a dead network: activations
    that have grown layer by layer until the last ones read nothing but zeros. The loss is then finite and constant, and
    nothing else would say so. A resumed run is watched from where it goes on.
    """

    def __init__(self) -> None:
        self._last: deque[Mapping[str, float]] = deque(maxlen=_RECORDS)
        self._first: dict[str, float] = {}
        self._least: dict[str, tuple[float, int]] = {}
        self._warned = False

    def observe(self, step: int, losses: Mapping[str, float]) -> None:
        """The losses of a record of metrics.jsonl."""
        self._last.append(losses)
        if self._warned or len(self._last) < _RECORDS:
            return
        medians = {name: statistics.median(record[name] for record in self._last) for name in losses}
        for name, m in medians.items():
            self._first.setdefault(name, m)
            self._least[name] = min(self._least.get(name, (m, step)), (m, step))
        if all(m > max(_FACTOR * self._least[name][0], self._first[name] / 2) for name, m in medians.items()):
            self._warned = True
            found = (
                f"{name} {m:.2e} after {self._least[name][0]:.2e} near step {self._least[name][1]}"
                for name, m in medians.items()
            )
            _LOG.warning(
                "step %d: training has diverged: %s. Use train.gradient_clip, 1 for example, or a smaller learning rate",
                step,
                ", ".join(found),
            )
