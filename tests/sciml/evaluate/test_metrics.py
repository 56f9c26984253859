import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdes.grid import Axis, Grid
from sciml import evaluate


def random_pair(seed: int, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, *shape, generator=generator, dtype=torch.float64))


@given(st.integers(0, 2**16), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_pointwise_metrics_agree_with_numpy(seed: int, batch: int, channels: int, dimension: int) -> None:
    prediction, truth = random_pair(seed, (batch, channels, *range(4, 4 + dimension)))
    p, t = prediction.numpy(), truth.numpy()
    for i in range(batch):
        e = (p[i] - t[i]).ravel()
        assert evaluate.relative_l2(prediction, truth)[i] == pytest.approx(
            math.sqrt(np.dot(e, e) / np.dot(t[i].ravel(), t[i].ravel())), rel=1e-12
        )
        assert evaluate.rmse(prediction, truth)[i] == pytest.approx(math.sqrt(np.mean(e**2)), rel=1e-12)
        assert evaluate.max_error(prediction, truth)[i] == pytest.approx(np.max(np.abs(e)), rel=1e-12)
        by_channel = [np.linalg.norm(p[i, c] - t[i, c]) / np.linalg.norm(t[i, c]) for c in range(channels)]
        assert evaluate.nrmse(prediction, truth)[i] == pytest.approx(np.mean(by_channel), rel=1e-12)


@given(st.floats(1e-3, 1e3), st.floats(-3, 3))
def test_relative_errors_do_not_depend_on_the_unit(scale: float, factor: float) -> None:
    _, truth = random_pair(0, (3, 2, 8))
    error = evaluate.relative_l2(scale * (1 + factor) * truth, scale * truth)
    torch.testing.assert_close(error, torch.full((3,), abs(factor), dtype=torch.float64))


def test_nrmse_weighs_channels_equally_and_relative_l2_does_not() -> None:
    truth = torch.stack([torch.ones(8), 1000 * torch.ones(8)])[None]
    prediction = truth * torch.tensor([2.0, 1.0])[None, :, None]
    assert float(evaluate.nrmse(prediction, truth)) == pytest.approx(0.5)
    assert float(evaluate.relative_l2(prediction, truth)) == pytest.approx(1e-3, rel=1e-3)


def test_relative_l2_has_finite_gradients_even_for_an_exact_prediction() -> None:
    prediction, truth = random_pair(1, (2, 1, 5, 5))
    assert torch.autograd.gradcheck(lambda p: evaluate.relative_l2(p, truth), prediction.requires_grad_())
    exact = truth.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(evaluate.relative_l2(exact, truth).sum(), exact)
    assert gradient.isfinite().all()


def h1_error(n: int, periodic: bool) -> float:
    """Computed minus exact relative H1 error, for u = sin(2πx) + cos(2πy)/2 and e = ε sin(4πx)."""
    convention = "half-open" if periodic else "centres"
    grid = Grid(Axis(name, n, convention=convention, periodic=periodic) for name in "xy")
    x, y = grid.mesh()
    truth = (torch.sin(2 * math.pi * x) + 0.5 * torch.cos(2 * math.pi * y))[None, None]
    prediction = truth + 0.1 * torch.sin(4 * math.pi * x)
    # mean squares over the unit square: sin² and cos² give 1/2
    exact = math.sqrt(0.01 * (1 + 16 * math.pi**2) / (1.25 * (1 + 4 * math.pi**2)))
    return abs(float(evaluate.relative_h1(prediction, truth, grid)) - exact)


@pytest.mark.parametrize("periodic", [True, False])
def test_relative_h1_converges_at_second_order(periodic: bool) -> None:
    sizes = [32, 64, 128, 256]
    errors = [h1_error(n, periodic) for n in sizes]
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(-2, abs=0.25)


def test_differences_of_parabolas_are_exact_up_to_the_walls() -> None:
    grid = Grid([Axis("x", 9, upper=2, convention="vertices")])
    (x,) = grid.mesh()
    truth, error = 1 + 0 * x, x**2 - x
    squares = [(v**2).sum() for v in (error, 2 * x - 1, truth)]
    expected = torch.sqrt((squares[0] + squares[1]) / squares[2])
    actual = evaluate.relative_h1((truth + error)[None, None], truth[None, None], grid)
    torch.testing.assert_close(actual[0], expected)


def test_relative_h1_uses_physical_units() -> None:
    # on a stretched domain the gradient fades, and the H1 error tends to the L2 error
    prediction, truth = random_pair(2, (2, 1, 16))
    wide = Grid([Axis("x", 16, upper=1e6, periodic=True)])
    torch.testing.assert_close(
        evaluate.relative_h1(prediction, truth, wide),
        evaluate.relative_l2(prediction, truth),
        rtol=1e-6,
        atol=0,
    )
    narrow = Grid([Axis("x", 16, upper=1.0, periodic=True)])
    assert not torch.allclose(
        evaluate.relative_h1(prediction, truth, narrow), evaluate.relative_l2(prediction, truth), rtol=1e-2
    )


def test_relative_h1_is_differentiable() -> None:
    grid = Grid([Axis("x", 6, periodic=True), Axis("y", 5, convention="vertices")])
    prediction, truth = random_pair(3, (2, 1, 6, 5))
    assert torch.autograd.gradcheck(
        lambda p: evaluate.relative_h1(p, truth, grid), prediction.requires_grad_()
    )


def test_shapes_that_would_broadcast_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 8, 8\).*\(4, 1, 8, 8\)"):
        evaluate.relative_l2(torch.ones(4, 8, 8), torch.ones(4, 1, 8, 8))
    with pytest.raises(ValueError, match="grid of shape"):
        evaluate.relative_h1(torch.ones(1, 1, 8), torch.ones(1, 1, 8), Grid([Axis("x", 9)]))


def test_undefined_errors_are_refused_when_reported() -> None:
    truth = torch.ones(3, 1, 4)
    truth[1] = 0
    with pytest.raises(ValueError, match="coarse: the truth of sample 1 is zero everywhere"):
        evaluate.checked_relative_l2(torch.ones(3, 1, 4), truth, "coarse")
    prediction = torch.ones(3, 1, 4)
    prediction[2, 0, 3] = math.nan
    with pytest.raises(ValueError, match="prediction of sample 2 holds NaN"):
        evaluate.checked_relative_l2(prediction, torch.ones(3, 1, 4))


def test_summary_averages_samples() -> None:
    grid = Grid([Axis("x", 8, periodic=True)])
    truth = torch.ones(2, 1, 8)
    prediction = truth + torch.tensor([0.1, 0.3])[:, None, None]
    summary = evaluate.summarise(prediction, truth, grid)
    assert summary == pytest.approx(
        {"rel_l2": 0.2, "rel_h1": 0.2, "rmse": 0.2, "nrmse": 0.2, "max_error": 0.3}, rel=1e-5
    )
