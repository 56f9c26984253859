import torch

from sciml.optim.gradients import loss_gradients, set_gradient


def test_each_loss_has_its_row_and_what_it_does_not_depend_on_is_zero():
    a = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    b = torch.nn.Parameter(torch.tensor(5.0))
    found = loss_gradients({"one": a.square().sum(), "two": 3 * b, "three": a[0, 1] * b}, [a, b])
    assert found.tolist() == [[2, 4, 6, 8, 0], [0, 0, 0, 0, 3], [0, 5, 0, 0, 2]]


def test_complex_parameters_count_as_their_parts():
    p = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    z = torch.nn.Parameter(torch.tensor([[1 + 2j], [3 - 1j]], dtype=torch.complex128))
    losses = {"one": z.abs().square().sum() + p.sum(), "two": p.sum()}
    rows = loss_gradients(losses, [p, z])
    assert rows.tolist() == [[1, 2, 4, 6, -2], [1, 0, 0, 0, 0]]
    set_gradient([p, z], rows[0])
    (z.abs().square().sum() + p.sum()).backward()  # adds the same once more
    assert p.grad.tolist() == [2]
    assert z.grad.tolist() == [[4 + 8j], [12 - 4j]]
