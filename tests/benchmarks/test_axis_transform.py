"""The rule that chooses between FFTs and products, axis by axis, against FFTs on all axes. Run by `make bench-operators`."""

import math

import pytest
import torch
from measure import in_turn

from operators import SpectralConv, axis_transform, spectral

pytestmark = [pytest.mark.bench]
ROUNDS = 7
CASES = [  # batch, channels, grid, modes
    (8, 32, (64, 64), (32, 32)),
    (8, 32, (64, 64), (64, 64)),
    (8, 32, (128, 128), (16, 128)),
    (8, 32, (128, 128), (128, 16)),
    (4, 32, (85, 85), (16, 80)),
    (4, 32, (241, 241), (16, 200)),
    (4, 32, (241, 241), (128, 128)),
    (4, 32, (256, 256), (32, 200)),
    (4, 32, (256, 256), (200, 32)),
    (4, 32, (256, 256), (128, 128)),
    (2, 32, (500, 500), (16, 400)),
    (2, 32, (512, 512), (256, 256)),
    (20, 64, (512,), (192,)),
    (20, 64, (1024,), (64,)),
    (20, 64, (1024,), (256,)),
    (20, 64, (8192,), (64,)),
    (20, 64, (8192,), (1024,)),
    (2, 16, (32, 32, 96), (8, 8, 90)),
    (2, 16, (96, 32, 32), (90, 8, 8)),
]


def step(layer, x, *, rule):
    def run():
        with pytest.MonkeyPatch.context() as patch:
            if not rule:
                for module in (spectral, axis_transform):
                    patch.setattr(module, "products_are_faster", lambda *_: False)
            layer.zero_grad()
            layer.channels_last(x).square().mean().backward()

    return run


def test_rule():
    """At no size much slower than FFTs, and far ahead in the mean."""
    ratios = []
    for batch, channels, grid, modes in CASES:
        torch.manual_seed(0)
        layer = SpectralConv(channels, channels, modes)
        x = torch.randn(batch, *grid, channels, requires_grad=True)
        times = in_turn({"rule": step(layer, x, rule=True), "fft": step(layer, x, rule=False)}, ROUNDS)
        ratios.append(times["fft"] / times["rule"])
        print(f"\n{grid} {modes}: FFTs {1e3 * times['fft']:.1f} ms, {ratios[-1]:.2f} times", end="")
    mean = math.prod(ratios) ** (1 / len(ratios))
    print(f"\nin the mean {mean:.2f}, at least {min(ratios):.2f}")
    assert min(ratios) > 0.9
    assert mean > 1.5
