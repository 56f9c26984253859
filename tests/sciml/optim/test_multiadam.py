import pytest
import torch

from sciml.optim import MultiAdam


def start():
    generator = torch.Generator().manual_seed(0)
    return [
        torch.nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64))
        for shape in ((4, 3), (5,), ())
    ]


def losses(parameters, scale=1.0):
    matrix, vector, scalar = parameters
    return {
        "pde": (matrix.square().sum() - scalar).square(),
        "boundary": scale * (vector - scalar).square().sum(),
        "initial": scale * matrix.sum().cos(),
    }


def train(balancer, steps=50, lr=1e-2, scale=1.0):
    parameters = start()
    optimizer = torch.optim.SGD(parameters, lr=lr)
    for _ in range(steps):
        balancer.backward(losses(parameters, scale), parameters)
        optimizer.step()
    return torch.cat([p.detach().reshape(-1) for p in parameters])


def test_one_group_is_adam():
    parameters = start()
    adam = torch.optim.Adam(parameters, lr=1e-2, betas=(0.99, 0.99))
    for _ in range(50):
        adam.zero_grad()
        sum(losses(parameters).values()).backward()
        adam.step()
    expected = torch.cat([p.detach().reshape(-1) for p in parameters])
    found = train(MultiAdam(groups={"all": ["pde", "boundary", "initial"]}))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_the_scale_of_a_group_has_no_effect(scale):
    def balancer():
        return MultiAdam(groups={"pde": ["pde"], "conditions": ["boundary", "initial"]}, eps=1e-30)

    torch.testing.assert_close(train(balancer(), scale=scale), train(balancer()), rtol=1e-9, atol=0)


def test_a_group_of_its_own_for_each_loss_by_default():
    groups = {name: [name] for name in ("pde", "boundary", "initial")}
    assert torch.equal(train(MultiAdam()), train(MultiAdam(groups=groups)))


def test_first_step_is_the_mean_of_the_signs():
    p = torch.nn.Parameter(torch.tensor([1.0, 1.0], dtype=torch.float64))
    MultiAdam().backward({"a": 5 * p[0] - p[1], "b": 100 * p[0]}, [p])
    torch.testing.assert_close(p.grad, torch.tensor([1.0, -0.5], dtype=torch.float64))


def test_wrong_groups_are_named():
    p = torch.nn.Parameter(torch.ones(2))
    given = {"a": p[0], "b": p[1]}
    with pytest.raises(ValueError, match="losses c; the task has a, b"):
        MultiAdam({"all": ["a", "b", "c"]}).backward(given, [p])
    with pytest.raises(ValueError, match="not so for b"):
        MultiAdam({"one": ["a"]}).backward(given, [p])
    with pytest.raises(ValueError, match="not so for a"):
        MultiAdam({"one": ["a"], "two": ["a", "b"]}).backward(given, [p])
    with pytest.raises(ValueError, match="without a loss: two"):
        MultiAdam({"one": ["a", "b"], "two": []}).backward(given, [p])
