"""Mini-batches that depend on the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from sciml.data.dataset import FieldDataset

IN_MEMORY_BYTES = 2 * 2**30


class Batches:
    """Batch number ``step`` of an endless run through a data set, in an order drawn anew each epoch.

    A data set of up to `IN_MEMORY_BYTES` is read once; a larger one is read batch by batch, by ``workers``
    processes where there are any.
    """

    def __init__(
        self,
        dataset: FieldDataset,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        workers: int = 0,
    ) -> None:
        self.dataset, self.seed, self.device, self.workers = dataset, seed, device, workers
        self.batch_size = min(batch_size, len(dataset))
        self.steps_per_epoch = -(-len(dataset) // self.batch_size)
        x, y = dataset[0]
        size = (x.numel() * x.element_size() + y.numel() * y.element_size()) * len(dataset)
        self._fields = tuple(f.to(device) for f in dataset.load()) if size <= IN_MEMORY_BYTES else None
        self._stream: Iterator[tuple[Tensor, Tensor]] | None = None
        self._next = -1
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """x (B, C_in, *grid) and y (B, C_out, *grid)."""
        if self._fields is not None:
            index = self._indices(step)
            return self._fields[0][index], self._fields[1][index]
        if self._stream is None or step != self._next:
            self._stream = iter(
                DataLoader(self.dataset, batch_sampler=_From(self, step), num_workers=self.workers)
            )
        self._next = step + 1
        x, y = next(self._stream)
        return x.to(self.device), y.to(self.device)

    def all(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every sample once, in the order of the file."""
        for start in range(0, len(self.dataset), self.batch_size):
            stop = min(start + self.batch_size, len(self.dataset))
            if self._fields is not None:
                yield self._fields[0][start:stop], self._fields[1][start:stop]
            else:
                x, y = zip(*(self.dataset[i] for i in range(start, stop)), strict=True)
                yield torch.stack(x).to(self.device), torch.stack(y).to(self.device)

    def _indices(self, step: int) -> Tensor:
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self._epoch, self._order = epoch, torch.randperm(len(self.dataset), generator=generator)
        return self._order[position * self.batch_size : (position + 1) * self.batch_size]


class MixedBatches:
    """The batches of several data sets, which may lie on different grids, in an order drawn anew each epoch.

    A batch comes from one data set, and an epoch goes through each of them once.
    """

    def __init__(self, parts: Sequence[Batches], seed: int) -> None:
        self._parts, self._seed = parts, seed
        lengths = torch.tensor([part.steps_per_epoch for part in parts])
        self._owners = torch.arange(len(parts)).repeat_interleave(lengths)
        self.steps_per_epoch = len(self._owners)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """x (B, C_in, *grid) and y (B, C_out, *grid), on the grid of the data set whose turn it is."""
        epoch, position = divmod(step, self.steps_per_epoch)
        # numbered apart from the orders of the samples, which have the same seed
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 - 1 - epoch)
        owners = self._owners[torch.randperm(len(self._owners), generator=generator)]
        owner = int(owners[position])
        part = self._parts[owner]
        return part[epoch * part.steps_per_epoch + int((owners[:position] == owner).sum())]

    def all(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every sample of every data set once."""
        for part in self._parts:
            yield from part.all()


class _From:
    """The batch sampler that begins at a step and never ends."""

    def __init__(self, batches: Batches, step: int) -> None:
        self._batches, self._step = batches, step

    def __iter__(self) -> Iterator[list[int]]:
        step = self._step
        while True:
            yield self._batches._indices(step).tolist()
            step += 1
