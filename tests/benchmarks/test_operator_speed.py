"""Our FNO against neuraloperator's with the same weights: a training step, a prediction, and memory. Run by `make bench-operators`.

A training step is the prediction, a mean square and its gradients by all parameters. Both models take steps in turn in one process.
"""

import pytest
import torch
from measure import in_turn, peak_memory
from torch import nn

from operators import FNO

models = pytest.importorskip("neuralop").models

pytestmark = [pytest.mark.bench]
SHAPES = [  # batch, width, grid, modes
    (64, 24, (16, 16), 8),
    (20, 32, (64, 64), 24),
    (20, 32, (85, 85), 24),
    (4, 32, (241, 241), 24),
    (20, 64, (1024,), 32),
    (2, 16, (32, 32, 32), 12),
]
ROUNDS = 9


def training_step(model, x):
    def step():
        model.zero_grad()
        model(x).square().mean().backward()

    return step


def prediction(model, x):
    @torch.no_grad()
    def step():
        model(x)

    return step


def measured(batch, width, size, modes):
    """Times of neuraloperator's training step and prediction over ours, and our memory over theirs."""
    torch.manual_seed(0)
    theirs = models.FNO(n_modes=(modes,) * len(size), in_channels=1, out_channels=1, hidden_channels=width)
    both: dict[str, nn.Module] = {"ours": FNO.from_neuralop(theirs), "theirs": theirs}
    x = torch.randn(batch, 1, *size)
    with torch.no_grad():
        torch.testing.assert_close(both["ours"](x), theirs(x), rtol=1e-5, atol=1e-5)
    steps = {name: training_step(model, x) for name, model in both.items()}
    train = in_turn(steps, ROUNDS)
    infer = in_turn({name: prediction(model, x) for name, model in both.items()}, ROUNDS)
    memory = {name: peak_memory(step) for name, step in steps.items()}
    ratios = (
        train["theirs"] / train["ours"],
        infer["theirs"] / infer["ours"],
        memory["ours"] / memory["theirs"],
    )
    print(
        f"\nFNO {batch} x {size}, width {width}, modes {modes}: sciml / neuraloperator, "
        f"training {1e3 * train['ours']:.1f} / {1e3 * train['theirs']:.1f} ms ({ratios[0]:.2f} times), "
        f"prediction {1e3 * infer['ours']:.1f} / {1e3 * infer['theirs']:.1f} ms ({ratios[1]:.2f} times), "
        f"memory {memory['ours'] / 2**20:.0f} / {memory['theirs'] / 2**20:.0f} MiB ({ratios[2]:.2f})"
    )
    return ratios


def geometric_mean(values):
    return torch.tensor(values).log().mean().exp().item()


def test_faster_than_neuraloperator_in_less_memory():
    training, predicting, memory = zip(*(measured(*shape) for shape in SHAPES), strict=True)
    print(
        f"geometric means: training {geometric_mean(training):.2f}, prediction {geometric_mean(predicting):.2f}; "
        f"least training {min(training):.2f}, largest memory {max(memory):.2f}"
    )
    assert min(training) >= 1.7
    assert max(memory) <= 0.8
    assert geometric_mean(training) >= 3.0
    assert geometric_mean(predicting) >= 3.5
