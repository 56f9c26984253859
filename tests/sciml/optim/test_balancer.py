import pytest
import torch

from sciml.optim import Balance, WeightedSum


def test_weighted_sum_is_the_gradient_of_the_sum():
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    untouched = torch.nn.Parameter(torch.tensor([5.0]))
    losses = {"a": p[0] ** 2, "b": p[1] ** 3}
    balancer = WeightedSum({"b": 10.0})
    assert float(balancer.objective(losses).detach()) == 1 + 80
    balancer.backward(losses, [p, untouched])
    assert p.grad.tolist() == [2.0, 120.0]
    assert untouched.grad.tolist() == [0.0]


def test_bad_weights_are_named():
    losses = {"a": torch.ones(())}
    with pytest.raises(ValueError, match="losses b; the task has a"):
        WeightedSum({"b": 1.0}).objective(losses)
    with pytest.raises(ValueError, match="must not be negative: a"):
        WeightedSum({"a": -1.0}).objective(losses)


def test_the_record_of_a_balance_names_losses_and_pairs():
    gradients = torch.tensor([[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]])
    record = Balance(torch.tensor([1.0, 2.0, 0.0]), gradients).record(["a", "b", "c"])
    assert record["weights"] == {"a": 1.0, "b": 2.0, "c": 0.0}
    assert record["gradient_norms"] == {"a": 5.0, "b": 2.0, "c": 0.0}
    assert record["gradient_cosines"] == {"a, b": pytest.approx(-0.8)}  # a zero gradient has no direction


def test_the_record_holds_what_is_known():
    assert Balance().record(["a"]) == {}
    assert Balance([0.5]).record(["a"]) == {"weights": {"a": 0.5}}
