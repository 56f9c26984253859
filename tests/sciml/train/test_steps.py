"""What goes with what, what is logged, and what happens to what is not finite."""

import math

import pytest
import torch

from sciml.config import TrainConfig
from sciml.optim import ConFIG, LevenbergMarquardt, MomentumConFIG, MultiAdam, WeightedSum, make_optimizer
from sciml.tasks.task import Task
from sciml.train.steps import GradientStepper, ObjectiveStepper, ResidualStepper, stepper_for


class TwoLosses(Task):
    """|A p - a|² and (p_0 - 3)², with a count of the evaluations."""

    A = torch.tensor([[1.0, 2.0], [0.0, 1.0]], dtype=torch.float64)
    a = torch.tensor([1.0, -1.0], dtype=torch.float64)

    def __init__(self):
        self.evaluations = 0
        self.broken_after = math.inf

    def batch(self, step, model):
        return None

    def losses(self, model, batch):
        self.evaluations += 1
        factor = math.nan if self.evaluations > self.broken_after else 1.0
        p = model.weight[0]
        return {"pde": factor * (self.A @ p - self.a).square().sum(), "initial": (p[0] - 3).square()}

    def least_squares(self, model, batch, parameters, *, jacobian):
        p = model.weight[0].detach()
        row = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
        return {
            "pde": (self.A @ p - self.a, self.A.clone() if jacobian else None),
            "initial": ((p[:1] - 3), row if jacobian else None),
        }

    def validate(self, model):
        return {}

    def evaluate(self, model):
        raise NotImplementedError


def stepper(optimizer, balancer, options=None, **train):
    model = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
    torch.nn.init.constant_(model.weight, 0.5)
    parameters = list(model.parameters())
    made = make_optimizer(optimizer, parameters, options or {})
    return stepper_for(made)(TwoLosses(), model, parameters, made, balancer, TrainConfig(**train))


# at p = (½, ½): A p - a = (½, 3/2), p_0 - 3 = -5/2
GRADIENTS = torch.tensor([[1.0, 5.0], [-5.0, 0.0]], dtype=torch.float64)
NORMS = {"pde": math.sqrt(26), "initial": 5.0}
COSINES = {"pde, initial": pytest.approx(-1 / math.sqrt(26))}


def test_an_optimizer_says_how_it_is_stepped():
    p = [torch.nn.Parameter(torch.ones(2))]
    assert stepper_for(torch.optim.Adam(p)) is GradientStepper
    for name in ("LBFGS", "BFGS", "SSBFGS", "SSBroyden"):
        assert stepper_for(make_optimizer(name, p, {})) is ObjectiveStepper
    assert stepper_for(LevenbergMarquardt(p)) is ResidualStepper


@pytest.mark.parametrize("optimizer", ["SGD", "LBFGS", "LevenbergMarquardt"])
def test_gradients_are_logged_where_asked_for(optimizer):
    weights = {"pde": 2.0}
    taken = stepper(optimizer, WeightedSum(weights), {"lr": 1e-3}, log_gradients=True)
    taken.take(None, log=True)
    assert taken.record["weights"] == {"pde": 2.0, "initial": 1.0}
    assert taken.record["gradient_norms"] == pytest.approx(NORMS)
    assert taken.record["gradient_cosines"] == COSINES
    taken.take(None, log=False)
    assert taken.record == {}


def test_a_balancer_that_takes_them_anyway_logs_them_unasked():
    taken = stepper("SGD", ConFIG(), {"lr": 1e-3})
    taken.take(None, log=True)
    assert taken.record["gradient_norms"] == pytest.approx(NORMS)
    weights = torch.tensor(list(taken.record["weights"].values()), dtype=torch.float64)
    torch.testing.assert_close(taken.parameters[0].grad[0], weights @ GRADIENTS)
    assert taken.task.evaluations == 1


def test_one_that_does_not_logs_weights_alone():
    taken = stepper("SGD", WeightedSum(), {"lr": 1e-3})
    taken.take(None, log=True)
    assert taken.record == {"weights": {"pde": 1.0, "initial": 1.0}}
    assert taken.task.evaluations == 1


def test_between_logged_steps_gradients_cost_nothing():
    taken = stepper("SGD", WeightedSum(), {"lr": 1e-3}, log_gradients=True)
    for _ in range(4):
        taken.take(None, log=False)
    assert taken.task.evaluations == 4
    taken.take(None, log=True)
    assert taken.task.evaluations == 6


def test_what_is_logged_changes_no_step():
    logged, silent = (stepper("LBFGS", WeightedSum(), log_gradients=on) for on in (True, False))
    for taken in (logged, silent):
        taken.take(None, log=taken is logged)
    assert torch.equal(logged.parameters[0], silent.parameters[0])


@pytest.mark.parametrize(
    ("optimizer", "options", "train"),
    [
        ("Adam", {}, {}),
        ("SGD", {"momentum": 0.9}, {}),
        ("SGD", {"weight_decay": 1e-4}, {}),
        ("SGD", {}, {"gradient_clip": 1.0}),
    ],
)
def test_updates_are_applied_as_they_are(optimizer, options, train):
    with pytest.raises(ValueError, match=r"balancer MultiAdam, which makes whole updates.*optimizer: SGD"):
        stepper(optimizer, MultiAdam(), options, **train).check(None)
    stepper("SGD", MultiAdam()).check(None)
    stepper(optimizer, WeightedSum(), options, **train).check(None)


@pytest.mark.parametrize("balancer", [ConFIG(), MultiAdam()])
@pytest.mark.parametrize("optimizer", ["LBFGS", "SSBroyden", "LevenbergMarquardt"])
def test_second_order_needs_a_weighted_sum(optimizer, balancer):
    with pytest.raises(
        ValueError, match=f"{optimizer} with the balancer {type(balancer).__name__}.*WeightedSum"
    ):
        stepper(optimizer, balancer).check(None)


@pytest.mark.parametrize("optimizer", ["Adam", "LBFGS", "SSBFGS"])
def test_a_loss_that_is_not_finite_is_named_and_changes_nothing(optimizer):
    taken = stepper(optimizer, WeightedSum())
    taken.task.broken_after = 0
    with pytest.raises(FloatingPointError, match="loss 'pde' is nan"):
        taken.take(None, log=False)
    assert taken.parameters[0].tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("optimizer", ["LBFGS", "BFGS", "SSBFGS", "SSBroyden"])
def test_a_line_search_that_meets_nothing_finite_stays_where_it_was(optimizer):
    taken = stepper(optimizer, WeightedSum())
    taken.task.broken_after = 1
    taken.take(None, log=False)
    assert taken.parameters[0].tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("optimizer", ["LBFGS", "BFGS", "SSBFGS", "SSBroyden", "LevenbergMarquardt"])
def test_second_order_finds_the_weighted_minimum(optimizer):
    """Of 4 |A p - a|² + (p_0 - 3)²: the normal equations."""
    taken = stepper(optimizer, WeightedSum({"pde": 4.0}))
    for _ in range(8):
        taken.take(None, log=False)
    A = torch.cat([2 * TwoLosses.A, torch.tensor([[1.0, 0.0]], dtype=torch.float64)])
    a = torch.cat([2 * TwoLosses.a, torch.tensor([3.0], dtype=torch.float64)])
    torch.testing.assert_close(
        taken.parameters[0][0], torch.linalg.lstsq(A, a).solution, rtol=1e-6, atol=1e-6
    )


def test_clipping_is_for_first_order():
    clipped = stepper("SGD", WeightedSum(), {"lr": 1.0}, gradient_clip=1e-3)
    clipped.take(None, log=False)
    assert float((clipped.parameters[0].detach() - 0.5).norm()) == pytest.approx(1e-3, rel=1e-3)
    free, limited = (stepper("LBFGS", WeightedSum(), gradient_clip=clip) for clip in (None, 1e-3))
    for taken in (free, limited):
        taken.take(None, log=False)
    assert torch.equal(free.parameters[0], limited.parameters[0])


def test_only_losses_that_are_due_are_evaluated_and_the_log_shows_all():
    made = stepper("SGD", MomentumConFIG(), {"lr": 0.1})
    asked = []

    def losses_of(model, batch, names):
        asked.append(names)
        losses = made.task.losses(model, batch)
        return losses if names is None else {name: losses[name] for name in names}

    made.task.losses_of = losses_of
    for step in range(4):
        made.take(None, log=step == 2)
    assert asked == [None, ["initial"], None, ["initial"]]
    made.take(None, log=True)
    assert made.losses.keys() == {"pde", "initial"}
