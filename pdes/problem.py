"""A problem: an equation on a domain with conditions, and a reference solution where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from pdes.conditions import Condition, Evaluate
from pdes.geometry import Domain
from pdes.grid import Grid
from pdes.pde import PDE
from pdes.residual import Network, PointInput, point_state


@dataclass(frozen=True)
class Problem:
    """An equation on a domain with conditions.

    Attributes
    ----------
    name : what the problem is called in reports
    pde, domain, conditions : what is solved
    inputs : the given fields of the equation at scattered points
    reference : points (n, d) to the true fields (n, k); None where none is known
    test_grid : where the error against the reference is measured
    source : where the set-up and the reference come from

    Raises
    ------
    ValueError
        Where domain and equation have different coordinates, a condition names a field or a part that
        does not exist, two conditions share a name, or an input is missing.
    """

    name: str
    pde: PDE
    domain: Domain
    conditions: tuple[Condition, ...]
    inputs: Mapping[str, PointInput] = field(default_factory=dict)
    reference: Callable[[Tensor], Tensor] | None = None
    test_grid: Grid | None = None
    source: str = ""

    def __post_init__(self) -> None:
        pde, equation = self.pde, type(self.pde).__name__
        if self.domain.coords != pde.coords:
            raise ValueError(
                f"problem {self.name!r}: {equation} has coordinates {', '.join(pde.coords)}, its domain {', '.join(self.domain.coords)}"
            )
        names = [condition.name for condition in self.conditions]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(
                f"problem {self.name!r}: conditions need names of their own; repeated: {', '.join(sorted(repeated))}"
            )
        for condition in self.conditions:
            if condition.field not in pde.fields:
                raise ValueError(
                    f"problem {self.name!r}: condition {condition.name!r} is on field {condition.field!r}, "
                    f"but {equation} has {', '.join(pde.fields)}"
                )
            condition.check(self.domain)
        missing = [name for name in pde.inputs if name not in self.inputs]
        if missing:
            raise ValueError(f"problem {self.name!r}: {equation} needs the inputs {', '.join(missing)}")
        if self.test_grid is not None and self.test_grid.names != pde.coords:
            raise ValueError(
                f"problem {self.name!r}: the test grid has axes {', '.join(self.test_grid.names)}, expected {', '.join(pde.coords)}"
            )

    def evaluate(self, network: Network) -> Evaluate:
        """The function that conditions and residuals use to look at a network."""
        return lambda points: point_state(self.pde, network, points, self.inputs)
