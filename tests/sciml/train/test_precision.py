import pytest
import torch

from sciml.config import TrainConfig
from sciml.optim import ConFIG, WeightedSum, make_optimizer
from sciml.tasks.task import Task
from sciml.train.precision import Precision
from sciml.train.steps import stepper_for

CPU = torch.device("cpu")


class Quadratic(Task):
    """(1/2) |W x|², through a matrix product, for the x of the batch."""

    def batch(self, step, model):
        return torch.full((3,), 1.0 + step)

    def losses(self, model, batch):
        return {"loss": 0.5 * model(batch[None]).float().square().sum()}

    def validate(self, model):
        return {}

    def evaluate(self, model):
        raise NotImplementedError


def stepper(precision, optimizer="SGD", balancer=None, **train):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2, bias=False)
    made = make_optimizer(optimizer, list(model.parameters()), {"lr": 0.1} if optimizer == "SGD" else {})
    config = TrainConfig(precision=precision, **train)
    return stepper_for(made)(
        Quadratic(), model, list(model.parameters()), made, balancer or WeightedSum(), config
    )


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_forward_pass_is_rounded_and_the_weights_are_not(precision):
    full, half = stepper("full"), stepper(precision)
    batch = torch.tensor([1.0, 2.0, 1 / 3])
    assert half.precision.scaler.is_enabled() == (precision == "float16")
    for made in (full, half):
        if made.precision.scaler.is_enabled():  # past the first steps, in which its factor falls
            state = made.precision.state_dict()
            made.precision.load_state_dict({**state, "scale": 1024.0})
        made.take(batch, log=True)
    dtype = getattr(torch, precision)
    before = stepper("full").model.weight
    expected = 0.5 * (before.to(dtype) @ batch.to(dtype)).float().square().sum()
    torch.testing.assert_close(half.losses["loss"], expected, rtol=1e-2, atol=0)
    assert not torch.equal(half.losses["loss"], full.losses["loss"])
    assert half.model.weight.dtype == torch.float32
    change = half.model.weight - before
    torch.testing.assert_close(change, full.model.weight - before, rtol=2e-2, atol=0)
    assert not torch.equal(change, change.to(dtype).float())  # an update of full precision


def test_float16_scales_losses_and_nothing_else():
    """The log, the clipped norm and the update are those without the factor."""
    half = stepper("float16", gradient_clip=0.05, log_gradients=True)
    before = half.model.weight.detach().clone()
    assert half.precision.scaler.get_scale() > 1000
    scaled = half.precision.scaled({"loss": torch.tensor(3.0)})
    assert float(scaled["loss"]) == 3 * half.precision.scaler.get_scale()
    half.take(half.task.batch(0, half.model), log=True)
    assert float((half.model.weight - before).norm().detach()) == pytest.approx(0.1 * 0.05, rel=1e-3)
    exact = torch.outer(before @ torch.ones(3), torch.ones(3)).norm()
    assert half.record["gradient_norms"]["loss"] == pytest.approx(float(exact), rel=1e-2)
    assert float(half.losses["loss"].detach()) < 100


def test_small_gradients_survive_in_float16():
    """1e-8 times the weights is nothing in float16 where it is not scaled."""

    def gradient(precision, scale):
        made = stepper(precision)
        with made.precision.autocast():
            loss = (made.model(torch.full((1, 3), 1e-4)).float() * 1e-4).sum()
        (found,) = torch.autograd.grad(
            made.precision.scaled({"loss": loss})["loss"] if scale else loss, made.parameters
        )
        return found / (made.precision.scaler.get_scale() if scale else 1)

    torch.testing.assert_close(gradient("float16", True), torch.full((2, 3), 1e-8), rtol=1e-2, atol=0)
    assert not gradient("float16", False).any()


def test_a_step_whose_gradients_overflow_is_left_out_and_the_factor_falls():
    half = stepper("float16")
    before, factor = half.model.weight.detach().clone(), half.precision.scaler.get_scale()
    half.take(torch.full((3,), 30.0), log=False)
    assert torch.equal(half.model.weight, before)
    assert half.precision.scaler.get_scale() == factor / 2
    again = Precision("float16", CPU)
    again.load_state_dict(half.precision.state_dict())
    assert again.scaler.get_scale() == factor / 2


def test_full_precision_changes_nothing():
    full = Precision("full", CPU)
    loss = torch.tensor(3.0)
    assert full.scaled({"loss": loss})["loss"] is loss
    assert full.state_dict() == {}
    with full.autocast():
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("precision", "optimizer", "balancer", "message"),
    [
        ("bfloat16", "LBFGS", None, "LBFGS needs train.precision full, not bfloat16"),
        ("float16", "LevenbergMarquardt", None, "LevenbergMarquardt needs train.precision full"),
        ("float16", "Adam", ConFIG(), "use WeightedSum, or train.precision bfloat16"),
    ],
)
def test_what_does_not_go_together_is_refused(precision, optimizer, balancer, message):
    with pytest.raises(ValueError, match=message):
        stepper(precision, optimizer, balancer).check(torch.ones(3))
