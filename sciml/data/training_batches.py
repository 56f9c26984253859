"""What a training step sees: samples of one or several files, on one or several grids, moved by symmetries, measured with noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor

from pdes.grid import Grid

from .batches import Batches, MixedBatches
from .coarsen import Coarsening, coarsen, coarsened_grid
from .dataset import FieldDataset
from .noise import with_noise
from .symmetry import Symmetries


class TrainingBatches:
    """Batch number ``step`` of an endless run; it depends on the seed and the step alone.

    Parameters
    ----------
    datasets : of the same fields on grids of one domain. Each batch comes from one of them, and an epoch goes through all
    batch_size, seed, device, workers : see `Batches`
    coarsening : factors by which the grids are made coarser too; each batch has one of these grids or its own, drawn uniformly
    coarse_until : coarse first in place of drawn: until this share of the training the batches have the coarser grids, one
        after another for equal shares, the coarsest first, and then their own
    method : how, see `coarsen`
    symmetries : names of the problem's symmetries, see `Symmetries`; each sample is seen under one drawn at random
    pseudo : fields whose sign changes with the orientation
    noise : relative L2 norm of the noise on the inputs, see `with_noise`

    Raises ValueError where a grid does not have the coarser ones or the symmetries.
    """

    def __init__(
        self,
        datasets: Sequence[FieldDataset],
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        workers: int = 0,
        *,
        coarsening: Sequence[int] = (),
        coarse_until: float | None = None,
        method: Coarsening = "subsample",
        symmetries: Sequence[str] = (),
        pseudo: Sequence[str] = (),
        noise: float = 0.0,
    ) -> None:
        self._parts = [Batches(dataset, batch_size, seed, device, workers) for dataset in datasets]
        self._mixed = MixedBatches(self._parts, seed)
        self._seed, self._noise = seed, noise
        self.coarsening, self.method = tuple(coarsening), method
        self._coarse_until = coarse_until
        self._grids = {dataset.grid.shape: dataset.grid for dataset in datasets}
        # they act on any number of points, but every grid must have them
        found = [Symmetries(symmetries, dataset.grid, *dataset.kinds(pseudo)) for dataset in datasets]
        self._symmetries = found[0] if symmetries else None
        self.steps_per_epoch = self._mixed.steps_per_epoch
        self.grids: list[Grid] = []
        for grid in self._grids.values():
            self.grids += [grid, *(coarsened_grid(grid, factor) for factor in self.coarsening)]

    def generator(self, step: int) -> Generator:
        """The source of what is random in a step, beside the order of the samples."""
        return torch.Generator().manual_seed(self._seed * 1_000_003 + step)

    def draw(self, step: int, generator: Generator, progress: float = 0.0) -> tuple[Tensor, Tensor]:
        """x (B, C_in, *grid) and y (B, C_out, *grid), on one of the ``grids``.

        What is random comes from the `generator` of the step; ``progress`` is the share of the training that is over.
        """
        x, y = self._mixed[step]
        factor = self._factor(generator, progress)
        if factor > 1:
            x, y = self._coarsened((x, y), factor)
        if self._symmetries is not None:
            x, y = self._symmetries.draw(x, y, generator)
        return self.measured(x, generator), y

    def _factor(self, generator: Generator, progress: float) -> int:
        """How many times coarser than its file's grid a batch is."""
        if not self.coarsening:
            return 1
        factors = sorted({1, *self.coarsening}, reverse=True)
        if self._coarse_until is None:
            return factors[int(torch.randint(len(factors), (), generator=generator))]
        turn = (len(factors) - 1) * progress / self._coarse_until
        return factors[min(int(turn), len(factors) - 1)]

    def _coarsened(self, pair: tuple[Tensor, Tensor], factor: int) -> tuple[Tensor, Tensor]:
        grid = self._grids[tuple(pair[0].shape[2:])]
        x, y = (coarsen(fields, grid, factor, self.method) for fields in pair)
        return x, y

    def measured(self, x: Tensor, generator: Generator) -> Tensor:
        """Inputs with noise, where there is any."""
        return with_noise(x, self._noise, generator) if self._noise else x

    def all(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every sample of every file once, as it is there."""
        return self._mixed.all()

    def largest(self) -> tuple[Tensor, Tensor]:
        """A batch of the most points, as it is in its file."""
        return max((part[0] for part in self._parts), key=lambda pair: pair[0].numel())

    def samples(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One pair (1, C, *grid) on each of the ``grids``."""
        for part in self._parts:
            x, y = (field[None].to(part.device) for field in part.dataset[0])
            yield x, y
            for factor in self.coarsening:
                yield self._coarsened((x, y), factor)
