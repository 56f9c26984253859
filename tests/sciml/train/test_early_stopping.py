import math

import torch

from sciml.train.early_stopping import EarlyStopping


def linear(value):
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, value)
    return model


def test_the_best_weights_come_back():
    stopping, model = EarlyStopping(patience=2), linear(0)
    for value, error in ((1, 0.5), (2, 0.3), (3, 0.4)):
        torch.nn.init.constant_(model.weight, value)
        stopping.observe(error, model)
    assert not stopping.over
    stopping.observe(math.nan, model)
    assert stopping.over
    stopping.restore(model)
    assert model.weight.item() == 2


def test_without_a_validation_the_weights_stay():
    model = linear(4)
    EarlyStopping(patience=1).restore(model)
    assert model.weight.item() == 4


def test_its_state_goes_on_where_it_was():
    first, model = EarlyStopping(patience=2), linear(1)
    first.observe(0.1, model)
    first.observe(0.2, model)
    second = EarlyStopping(patience=2)
    second.load_state_dict(first.state_dict())
    second.observe(0.3, linear(7))
    assert second.over
    second.restore(model)
    assert model.weight.item() == 1
