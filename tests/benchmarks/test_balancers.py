"""ConFIG against the packages of its authors and of TorchJD: the figures of docs/optimizers.md. Run by `make bench`."""

import statistics
import time

import pytest
import torch
from conflictfree.grad_operator import ConFIG_update
from torchjd.aggregation import ConFIG as TorchJDConFIG

from sciml.optim import config_direction

pytestmark = [pytest.mark.bench]
P = 1_000_000


def milliseconds(function, repeats=9):
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def error(update, exact):
    return float((update.double() - exact).norm() / exact.norm())


@pytest.mark.parametrize("m", [3, 8])
def test_config(m):
    """Gradients over four decades of length with a common part; TorchJD in float64 is the truth."""
    generator = torch.Generator().manual_seed(m)
    gradients = torch.randn(m, P, generator=generator) + 0.3 * torch.randn(P, generator=generator)
    gradients *= 10.0 ** torch.linspace(-2, 2, m)[:, None]
    ours = config_direction(gradients)
    in_float64 = gradients.double()
    cosines = in_float64 @ ours.double() / (in_float64.norm(dim=1) * ours.double().norm())
    spread = float((cosines.max() - cosines.min()) / cosines.mean())
    exact = TorchJDConFIG()(in_float64)
    fast = milliseconds(lambda: config_direction(gradients))
    print(
        f"\nConFIG, m = {m}, P = {P:.0e}, float32, {torch.get_num_threads()} thread(s): sciml {fast:.1f} ms, "
        f"error {error(ours, exact):.1e}, spread of the cosines {spread:.1e}"
    )
    assert spread < 1e-5
    assert error(ours, exact) < 1e-5
    for name, theirs in {"conflictfree": ConFIG_update, "torchjd": TorchJDConFIG()}.items():
        slow = milliseconds(lambda theirs=theirs: theirs(gradients))
        print(f"{name}: {slow:.0f} ms ({slow / fast:.0f} times), error {error(theirs(gradients), exact):.1e}")
        assert slow > 10 * fast
