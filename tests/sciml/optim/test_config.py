import itertools

import pytest
import torch
from conflictfree import length_model
from conflictfree.grad_operator import ConFIG_update
from hypothesis import given
from hypothesis import strategies as st

from pdes.native import compiler
from sciml.optim import ConFIG, config, config_direction


def cosines(update, gradients):
    return (gradients @ update) / (gradients.norm(dim=1) * update.norm())


def random_gradients(m, n, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    scales = 10 ** (4 * torch.rand(m, 1, generator=generator, dtype=dtype) - 2)
    return scales * torch.randn(m, n, generator=generator, dtype=dtype)


@given(m=st.integers(1, 8), seed=st.integers(0, 10_000))
def test_all_cosines_are_equal_and_positive_and_the_length_is_the_sum_of_projections(m, seed):
    gradients = random_gradients(m, 40, seed)
    update = config_direction(gradients)
    found = cosines(update, gradients)
    assert (found > 0).all()
    torch.testing.assert_close(found, found[:1].expand(m), rtol=1e-9, atol=0)
    projections = gradients @ (update / update.norm())
    torch.testing.assert_close(update.norm(), projections.sum(), rtol=1e-9, atol=0)


@given(seed=st.integers(0, 10_000))
def test_two_gradients_follow_the_closed_form(seed):
    g1, g2 = random_gradients(2, 12, seed)

    def orthogonal(a, b):
        return b - (a @ b) / (a @ a) * a

    def unit(v):
        return v / v.norm()

    direction = unit(unit(orthogonal(g1, g2)) + unit(orthogonal(g2, g1)))
    expected = (g1 @ direction + g2 @ direction) * direction
    torch.testing.assert_close(config_direction(torch.stack([g1, g2])), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("m", [2, 3, 5, 8])
def test_agrees_with_torchjd(m):
    from torchjd.aggregation import ConFIG as Theirs

    gradients = random_gradients(m, 200, m)
    torch.testing.assert_close(config_direction(gradients), Theirs()(gradients), rtol=1e-6, atol=1e-9)


@pytest.fixture
def _float64_by_default():
    """conflictfree makes its weights in torch's default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_float64_by_default")
@pytest.mark.parametrize("m", [2, 3, 5])
def test_agrees_with_conflictfree(m):
    gradients = random_gradients(m, 60, m)
    torch.testing.assert_close(config_direction(gradients), ConFIG_update(gradients), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("length", ["projections", "harmonic"])
@given(m=st.integers(1, 9), rank=st.integers(0, 9), weighted=st.booleans(), seed=st.integers(0, 10_000))
def test_the_kernel_agrees_with_torch(length, m, rank, weighted, seed):
    """Dependent and vanishing gradients included."""
    if compiler() is None:
        pytest.skip("no C++ compiler")
    generator = torch.Generator().manual_seed(seed)
    gradients = random_gradients(m, rank, seed) @ torch.randn(
        rank, 30, generator=generator, dtype=torch.float64
    )
    weights = torch.rand(m, generator=generator, dtype=torch.float64) if weighted else None
    found = config_direction(gradients, weights, length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "_kernel", lambda: None)
        expected = config_direction(gradients, weights, length)
    # where the gradients cancel in the update, what is left is the rounding of their size
    rounding = 1e-14 * float(gradients.norm())
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9 * float(expected.norm()) + rounding)


def test_large_float32_gradients_keep_their_rank():
    gradients = torch.randn(4, 100_000, generator=torch.Generator().manual_seed(0))
    found = cosines(config_direction(gradients).double(), gradients.double())
    torch.testing.assert_close(found, found[:1].expand(4), rtol=1e-5, atol=0)


def test_weights_set_the_ratio_of_cosines():
    gradients = random_gradients(3, 20, 0)
    weights = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    found = cosines(config_direction(gradients, weights), gradients)
    torch.testing.assert_close(found / found[0], weights)


def test_one_gradient_is_left_alone():
    gradient = torch.randn(1, 9, dtype=torch.float64)
    torch.testing.assert_close(config_direction(gradient), gradient[0])


def test_parallel_gradients_add_up():
    g = torch.tensor([3.0, 4.0], dtype=torch.float64)
    torch.testing.assert_close(config_direction(torch.stack([g, 2 * g])), 3 * g)


def test_opposite_gradients_leave_no_direction():
    g = torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert torch.equal(config_direction(torch.stack([g, -2 * g])), torch.zeros(2, dtype=torch.float64))


def test_a_zero_gradient_takes_no_part():
    gradients = random_gradients(3, 10, 1)
    gradients[1] = 0
    torch.testing.assert_close(config_direction(gradients), config_direction(gradients[[0, 2]]))
    assert torch.equal(config_direction(torch.zeros(2, 5)), torch.zeros(5))


def test_dependent_gradients_give_a_finite_descent_direction():
    a, b = random_gradients(2, 10, 3)
    update = config_direction(torch.stack([a, b, a + b]))
    assert torch.isfinite(update).all()
    assert (cosines(update, torch.stack([a, b, a + b])) > 0).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="losses, parameters"):
        config_direction(torch.zeros(3))
    with pytest.raises(ValueError, match="not finite"):
        config_direction(torch.tensor([[1.0, float("nan")]]))


def test_balancer_sets_gradients_that_descend_on_every_loss():
    model = torch.nn.Linear(3, 2)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    parameters = list(model.parameters())

    def losses():
        y = model(x)
        return {"a": y[:, 0].square().mean(), "b": (y[:, 1] - y[:, 0] + 1).square().mean()}

    before = {name: float(v.detach()) for name, v in losses().items()}
    ConFIG().backward(losses(), parameters)
    with torch.no_grad():
        for p in parameters:
            p -= 1e-3 * p.grad
    assert all(float(v.detach()) < before[name] for name, v in losses().items())


def test_a_weight_for_an_unknown_loss_is_named():
    p = torch.nn.Parameter(torch.ones(2))
    with pytest.raises(ValueError, match="losses boundry; the task has boundary"):
        ConFIG({"boundry": 2.0}).backward({"boundary": p.sum()}, [p])


@pytest.mark.usefixtures("_float64_by_default")
@pytest.mark.parametrize(
    ("length", "theirs"),
    [
        ("min", "TrackMinimum"),
        ("max", "TrackMaximum"),
        ("harmonic", "TrackHarmonicAverage"),
        ("arithmetic", "TrackArithmeticAverage"),
        ("geometric", "TrackGeometricAverage"),
    ],
)
@pytest.mark.parametrize("m", [1, 2, 5])
def test_lengths_agree_with_conflictfree(m, length, theirs):
    gradients = random_gradients(m, 60, m)
    expected = ConFIG_update(gradients, length_model=getattr(length_model, theirs)())
    torch.testing.assert_close(config_direction(gradients, length=length), expected, rtol=1e-6, atol=1e-9)


@given(m=st.integers(1, 6), seed=st.integers(0, 10_000))
def test_means_of_the_lengths_are_in_their_order_and_the_direction_stays(m, seed):
    gradients = random_gradients(m, 40, seed)
    rules = ["min", "harmonic", "geometric", "arithmetic", "max"]
    updates = [config_direction(gradients, length=rule) for rule in rules]
    lengths = [float(update.norm()) for update in updates]
    assert all(a <= b * (1 + 1e-9) for a, b in itertools.pairwise(lengths))
    for update in updates:
        torch.testing.assert_close(update / update.norm(), updates[0] / updates[0].norm())


def test_a_zero_gradient_has_no_say_in_the_length():
    gradients = random_gradients(3, 10, 1)
    gradients[1] = 0
    for rule in ("min", "harmonic", "geometric", "arithmetic", "max"):
        torch.testing.assert_close(
            config_direction(gradients, length=rule), config_direction(gradients[[0, 2]], length=rule)
        )


def test_almost_parallel_float32_gradients_keep_their_cosines():
    """A Gram matrix summed in float32 is wrong by more than 1 - cos here."""
    generator = torch.Generator().manual_seed(0)
    common, other = torch.randn(2, 300_000, generator=generator)
    gradients = torch.stack([common, common + 1e-3 * other])
    gradients[1] *= 100
    expected = config_direction(gradients.double())
    torch.testing.assert_close(
        config_direction(gradients).double(), expected, rtol=0, atol=1e-5 * expected.abs().max().item()
    )


def test_an_unknown_length_is_named():
    with pytest.raises(ValueError, match="unknown length 'mean'; choose projections, min, max"):
        ConFIG(length="mean")
