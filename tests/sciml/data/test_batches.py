import pytest
import torch

from sciml.data import Batches, FieldDataset
from sciml.data import batches as module


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_batches_are_those_from_memory(diffusion_files, monkeypatch, workers):
    dataset = FieldDataset(diffusion_files["train"], ["a"], ["u"])
    in_memory = Batches(dataset, 24, seed=3)
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    streamed = Batches(dataset, 24, seed=3, workers=workers)
    # in order, then a jump as after a resume
    for step in (0, 1, 2, 3, 7, 8):
        for ours, theirs in zip(streamed[step], in_memory[step], strict=True):
            assert torch.equal(ours, theirs)
    for ours, theirs in zip(streamed.all(), in_memory.all(), strict=True):
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])


def test_a_batch_larger_than_the_data_is_all_of_it(diffusion_files):
    batches = Batches(FieldDataset(diffusion_files["train"], ["a"], ["u"]), 1000, seed=0)
    assert batches.steps_per_epoch == 1
    assert len(batches[0][0]) == 64
