"""The equation and the reference solver behind a test set, as the recipe of its data states them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pdes.grid import Axis, Grid
from pdes.pde import PDE
from pdes.solvers.semidiscrete import PeriodicSystem
from sciml.data.dataset import Channel
from sciml.data.generate import SOLVERS, draw
from sciml.data.recipes import Recipe
from sciml.evaluate.superresolution import TestSet


class Physics:
    """What a recipe says of the fields of a test set.

    Parameters
    ----------
    recipe : of the data
    parameters : of the equation, as the data file states them; they come before the recipe's
    test : whose inputs hold all given fields of a steady equation, or the state from which an evolution equation starts

    Raises ValueError where inputs and targets are not what the recipe's solver takes and gives, as in an inverse problem, or no scalars.
    """

    def __init__(self, recipe: Recipe, parameters: Mapping[str, float], test: TestSet) -> None:
        names = {field.name for field in dataclasses.fields(recipe.pde)}  # type: ignore[arg-type]
        stated = {key: value for key, value in parameters.items() if key in names}
        self.pde: PDE = dataclasses.replace(recipe.pde, **stated)  # type: ignore[type-var]
        self._recipe, self._test = recipe, test
        vectors = [c.field for c in (*test.input_channels, *test.target_channels) if c.component]
        if vectors:
            raise ValueError(f"{vectors[0]!r} is no scalar field, and a recipe's equation knows no others")
        given = {channel.field for channel in test.input_channels}
        found = {channel.field for channel in test.target_channels}
        laws = {
            name: law for name, law in recipe.fields.items() if name in self.pde.inputs and name not in given
        }
        # random ones are known to the file alone
        self._laws = {name: law for name, law in laws.items() if {"constant", "waves"} & set(law)}
        missing = set(self.pde.inputs) - given - set(self._laws)
        self.evolves = "t" in self.pde.coords
        start = found if self.evolves else set()
        if missing or not found <= set(self.pde.fields) or not start <= given:
            raise ValueError(
                f"from {', '.join(sorted(given))} to {', '.join(sorted(found))} is not what the recipe {recipe.name!r} solves"
            )
        self.fields = tuple(sorted(found))

    def inputs(self, fields: Tensor, grid: Grid) -> dict[str, Tensor]:
        """The given fields of the equation, (sample, *grid) or (*grid), from the inputs (sample, channel, *grid) of a model."""
        series = by_field(fields, self._test.input_channels)
        known = {name: series[name][1][:, -1] for name in self.pde.inputs if name in series}
        return {**known, **{name: value.to(fields) for name, value in draw(self._laws, grid, 0).items()}}

    def times(self) -> list[float]:
        """Of the predicted frames."""
        return sorted({channel.time for channel in self._test.target_channels})

    def start(self) -> float:
        """Time of the last state among the inputs, from which an evolution equation starts."""
        return max(channel.time for channel in self._test.input_channels if channel.field in self.fields)

    def solve(self, inputs: Tensor, grid: Grid, dt: float | None) -> Tensor:
        """The reference solver in place of a model: from its inputs (sample, channel, *grid) to the target channels."""
        given = self.inputs(inputs, grid)
        options = {key: value for key, value in self._recipe.options.items() if key not in ("rtol", "dt")}
        if self.evolves:
            series = by_field(inputs, self._test.input_channels)
            given |= {name: series[name][1][:, -1] for name in self.fields}
            options |= {"times": self.times(), "start": self.start(), "dt": dt}
        solved = SOLVERS[self._recipe.solver].solve(self.pde, given, grid, options)
        steps = {time: number for number, time in enumerate(self.times())}
        frames = [
            solved[c.field][:, steps[c.time]] if self.evolves else solved[c.field]
            for c in self._test.target_channels
        ]
        return torch.stack(frames, 1)

    def state(self, inputs: Tensor, outputs: Tensor) -> tuple[Grid, dict[str, Tensor], dict[str, Tensor]]:
        """Grid, fields and given fields on which the residual can be taken: in time, too, for an evolution equation.

        Fields without a time derivative (a stream function) follow from the others.

        Raises ValueError for frames that are too few, or not equally far apart.
        """
        grid = self._test.grid
        known = self.inputs(inputs, grid)
        if not self.evolves:
            return (
                grid,
                {k: v[:, 0] for k, (_, v) in by_field(outputs, self._test.target_channels).items()},
                known,
            )
        before, after = (
            by_field(fields, channels)
            for fields, channels in (
                (inputs, self._test.input_channels),
                (outputs, self._test.target_channels),
            )
        )
        times = [*before[self.fields[0]][0], *after[self.fields[0]][0]]
        steps = torch.tensor(times, dtype=torch.float64).diff()
        if len(times) < 3 or float(steps.max() - steps.min()) > 1e-3 * float(steps.mean()):
            raise ValueError(
                f"a time derivative needs at least three equally distant frames in inputs and targets; there are {len(times)}"
            )
        fields = {name: torch.cat([before[name][1], after[name][1]], 1) for name in self.fields}
        whole = self._complete(fields, known, grid, times)
        axis = Axis("t", len(times), times[0], times[-1], "vertices")
        # (sample, *grid) of a given field holds at all times
        known = {
            k: v.unsqueeze(-len(grid) - 1).expand(*v.shape[: v.dim() - len(grid)], len(times), *grid.shape)
            for k, v in known.items()
        }
        return Grid([axis, *grid]), whole, known

    def _complete(
        self, fields: dict[str, Tensor], known: Mapping[str, Tensor], grid: Grid, times: Sequence[float]
    ) -> dict[str, Tensor]:
        """All fields of the equation, (sample, time, *grid)."""
        if set(fields) == set(self.pde.fields):
            return fields
        frames = {name: value.flatten(0, 1).double() for name, value in fields.items()}
        like = next(iter(frames.values()))
        per_frame = {
            name: value.double().expand(len(like) // len(times), *grid.shape).repeat_interleave(len(times), 0)
            for name, value in known.items()
        }
        system = PeriodicSystem(self.pde, grid, frames, per_frame, (times[0], times[-1]))
        found = system.fields(system.start, times[0])
        shape = next(iter(fields.values())).shape
        # those that are predicted stay as they are: the system cuts off what products would alias
        return {name: fields.get(name, value.reshape(shape).to(like.device)) for name, value in found.items()}


def by_field(fields: Tensor, channels: Sequence[Channel]) -> dict[str, tuple[list[float], Tensor]]:
    """Times and values (sample, time, *grid) of each field among the channels (sample, channel, *grid)."""
    numbers: dict[str, list[int]] = {}
    for number, channel in enumerate(channels):
        numbers.setdefault(channel.field, []).append(number)
    return {name: ([channels[i].time for i in chosen], fields[:, chosen]) for name, chosen in numbers.items()}
