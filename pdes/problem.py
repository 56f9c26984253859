"""A problem: an equation on a domain with conditions, and a reference solution where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pdes.conditions import Condition, Evaluate, Periodic
from pdes.geometry import Box, Domain
from pdes.grid import Axis, Grid
from pdes.jet_pass import Network, PointInput
from pdes.pde import PDE
from pdes.residual import point_state


@dataclass(frozen=True)
class Problem:
    """An equation on a domain with conditions.

    Attributes
    ----------
    name : what the problem is called in reports
    pde, domain, conditions : what is solved
    inputs : the given fields of the equation at scattered points
    known : a part of the true fields that a network need not learn, such as their singularities: a function of points
        (n, d) to (n, k), to which every network is added
    reference : the true fields: a function of points (n, d) to (n, k), or values (k, *grid) on the test grid;
        None where none is known
    test_grid : where the error against the reference is measured
    compared : the fields that the error counts, all by default; not one that is infinite somewhere, for example
    source : where the set-up and the reference come from

    Raises
    ------
    ValueError
        Where domain and equation have different coordinates, a condition names a field or a part that
        does not exist, two conditions share a name, an input is missing, or a table of reference values does
        not lie on the test grid.
    """

    name: str
    pde: PDE
    domain: Domain
    conditions: tuple[Condition, ...]
    inputs: Mapping[str, PointInput] = field(default_factory=dict)
    known: Callable[[Tensor], Tensor] | None = None
    reference: Callable[[Tensor], Tensor] | Tensor | None = None
    test_grid: Grid | None = None
    compared: tuple[str, ...] = ()
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

        unknown = [name for name in self.compared if name not in pde.fields]
        if unknown:
            raise ValueError(
                f"problem {self.name!r}: compared names {', '.join(unknown)}; {equation} has {', '.join(pde.fields)}"
            )
        object.__setattr__(self, "compared", self.compared or pde.fields)

        if isinstance(self.reference, Tensor):
            expected = (len(pde.fields), *(self.test_grid.shape if self.test_grid else ()))
            if self.test_grid is None or self.reference.shape != expected:
                raise ValueError(
                    f"problem {self.name!r}: reference values must be (fields, *test_grid) = {expected}, not {tuple(self.reference.shape)}"
                )

    def truth(self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> Tensor | None:
        """The reference on the test grid, (k, *grid); None where there is none."""
        if self.reference is None or self.test_grid is None:
            return None
        if isinstance(self.reference, Tensor):
            return self.reference.to(device=device, dtype=dtype)
        points = torch.stack([x.reshape(-1) for x in self.test_grid.mesh(device=device)], 1)
        return self.reference(points).to(dtype).T.reshape(-1, *self.test_grid.shape)

    def collocation_grid(self, shape: Sequence[int]) -> Grid:
        """A uniform grid of points inside the domain: half-open along periodic coordinates, else centres of cells.

        Raises ValueError where the domain is no box or ``shape`` has not one number for each coordinate.
        """
        domain, coords = self.domain, self.pde.coords
        if not isinstance(domain, Box):
            raise ValueError(
                f"points on a grid need a box; {self.name} is on a {type(domain).__name__}, leave points.grid out"
            )
        if len(shape) != len(coords):
            raise ValueError(f"points.grid is {list(shape)}; give one number for each of {', '.join(coords)}")
        periodic = {condition.coord for condition in self.conditions if isinstance(condition, Periodic)}
        return Grid(
            Axis(name, n, lower, upper, "half-open" if name in periodic else "centres", name in periodic)
            for name, n, lower, upper in zip(coords, shape, domain.lower, domain.upper, strict=True)
        )

    def evaluate(self, network: Network) -> Evaluate:
        """The function that conditions and residuals use to look at a network."""
        return lambda points: point_state(self.pde, network, points, self.inputs)
