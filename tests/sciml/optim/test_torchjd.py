import importlib.util
import sys

import pytest
import torch
import torchjd.aggregation

from sciml.optim import ConFIG, TorchJD, WeightedSum


def gradients(balancer):
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    q = torch.nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
    losses = {"a": p.square().sum() * q, "b": (p[0] - 3 * q).square(), "c": -p.sum()}
    balancer.backward(losses, [p, q])
    return torch.cat([p.grad, q.grad.reshape(1)])


def test_sum_and_config_are_ours():
    torch.testing.assert_close(gradients(TorchJD("Sum")), gradients(WeightedSum()))
    torch.testing.assert_close(gradients(TorchJD("ConFIG")), gradients(ConFIG()))


@pytest.mark.parametrize("name", ["PCGrad", "IMTLG", "MGDA", "AlignedMTL"])
def test_an_aggregator_gets_one_gradient_a_loss(name):
    matrix = torch.tensor([[1, 2, 3, 14], [-1, 0, 0, 3], [-1, -1, -1, 0]], dtype=torch.float64)
    torch.manual_seed(0)
    expected = getattr(torchjd.aggregation, name)()(matrix)
    torch.manual_seed(0)
    torch.testing.assert_close(gradients(TorchJD(name)), expected)


def test_options_reach_the_aggregator():
    found = gradients(TorchJD("Constant", {"weights": [0.0, 1.0, 0.0]}))
    torch.testing.assert_close(found, torch.tensor([-1.0, 0, 0, 3], dtype=torch.float64))
    with pytest.raises(ValueError, match=r"PCGrad: .*'strength'"):
        TorchJD("PCGrad", {"strength": 1})


def test_an_unknown_aggregator_is_named_with_what_there_is():
    with pytest.raises(ValueError, match=r"'pcgrad'; did you mean 'PCGrad'\? \(there are .*UPGrad"):
        TorchJD("pcgrad")


def test_what_keeps_a_state_or_is_no_aggregator_is_not_offered():
    for name in ("GradVac", "UPGradWeighting", "Aggregator"):
        with pytest.raises(ValueError, match="unknown aggregator"):
            TorchJD(name)


def test_what_an_aggregator_needs_is_named():
    if all(importlib.util.find_spec(name) for name in ("qpsolvers", "quadprog")):
        pytest.skip("all that UPGrad needs is installed")
    with pytest.raises(ValueError, match=r"UPGrad: .*pip install"):
        TorchJD("UPGrad")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchjd.aggregation", None)
    with pytest.raises(ValueError, match="pip install torchjd"):
        TorchJD("PCGrad")
