import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# timings of a shared machine are no reason to fail
settings.register_profile("sciml", deadline=None, max_examples=40)
settings.load_profile("sciml")
# so that a failed comparison in a helper is shown as in a test
pytest.register_assert_rewrite("training_runs")


@pytest.fixture(autouse=True, scope="session")
def _one_thread_a_worker():
    """Small problems are faster so, and several workers do not fight over the cores."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def darcy_small():
    """The folder with neuraloperator's darcy_train_16.pt, darcy_test_16.pt and darcy_test_32.pt; SCIML_DARCY_SMALL names it."""
    default = Path(__file__).parents[2] / "shared" / "data" / "darcy_small"
    folder = Path(os.environ.get("SCIML_DARCY_SMALL", default))
    if not folder.is_dir():
        pytest.skip("set SCIML_DARCY_SMALL to the folder of neuraloperator's darcy_*.pt files")
    return folder
