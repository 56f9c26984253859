import os

import pytest
import torch
from hypothesis import settings

# timings of a shared machine are no reason to fail
settings.register_profile("sciml", deadline=None, max_examples=40)
settings.load_profile("sciml")


@pytest.fixture(autouse=True, scope="session")
def _one_thread_a_worker():
    """Small problems are faster so, and several workers do not fight over the cores."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)
