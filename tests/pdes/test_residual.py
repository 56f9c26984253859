import pytest
import torch

from pdes import Axis, Burgers, Darcy, Grid, NavierStokes, grid_residual, point_residual


def test_gradient_reaches_the_network_and_the_parameter():
    network = torch.nn.Linear(2, 1)
    nu = torch.nn.Parameter(torch.tensor(0.1))

    def smooth(z):
        return torch.sin(network(z))

    residual = point_residual(Burgers(nu), smooth, torch.rand(5, 2))["momentum"]
    residual.square().mean().backward()
    assert nu.grad is not None
    assert float(nu.grad.abs()) > 0
    assert float(network.weight.grad.abs().sum()) > 0


def test_works_inside_no_grad():
    with torch.no_grad():
        residual = point_residual(Burgers(0.0), lambda z: z[:, :1] * z[:, 1:], torch.tensor([[2.0, 3.0]]))
    # u = x t: u_t + u u_x = x + x t^2
    assert residual["momentum"].item() == pytest.approx(2 + 2 * 9)


def test_network_of_the_wrong_width_is_named():
    with pytest.raises(ValueError, match=r"NavierStokes has fields w, psi.*\(4, 2\), not \(4, 1\)"):
        point_residual(NavierStokes(), lambda z: z[:, :1], torch.rand(4, 3), {"f": 0.0})


def test_inputs_are_required_and_differentiable():
    u = lambda z: z[:, :1] * z[:, 1:]  # noqa: E731
    with pytest.raises(ValueError, match="Darcy needs the inputs a"):
        point_residual(Darcy(), u, torch.rand(4, 2))
    with pytest.raises(ValueError, match="input 'a' does not depend on the points differentiably"):
        point_residual(Darcy(), u, torch.rand(4, 2), {"a": lambda z: torch.ones(len(z))})


def test_fields_on_a_grid_are_checked():
    grid = Grid([Axis("x", 8, convention="vertices"), Axis("y", 9, convention="vertices")])
    u = torch.rand(2, 8, 9)
    assert grid_residual(Darcy(), grid, {"u": u}, {"a": 2.0})["mass"].shape == (2, 8, 9)
    with pytest.raises(ValueError, match="needs the fields u"):
        grid_residual(Darcy(), grid, {}, {"a": 2.0})
    with pytest.raises(ValueError, match=r"'a' has shape \(8, 8\); expected \(..., 8, 9\)"):
        grid_residual(Darcy(), grid, {"u": u}, {"a": torch.rand(8, 8)})


def test_missing_time_axis_is_named():
    grid = Grid([Axis("x", 16, periodic=True)])
    with pytest.raises(ValueError, match="derivative by 't', but the fields are given on x only"):
        grid_residual(Burgers(), grid, {"u": torch.rand(16)})
