import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pdes.derivatives.jet import Jet
from pdes.derivatives.multi_index import closure
from sciml.optim.jacobian import residual_jacobian

INDICES = closure([(0, 0), (0, 1)])


class EveryEntry(nn.Module):
    """Parameters that enter jets in every way there is, and one that is frozen."""

    def __init__(self):
        super().__init__()
        self.first, self.frozen = nn.Linear(2, 4), nn.Linear(4, 4)
        self.frozen.requires_grad_(False)
        self.slope, self.skip, self.shift = (
            nn.Parameter(torch.rand(4)),
            nn.Parameter(torch.rand(())),
            nn.Parameter(torch.rand(1, 4)),
        )
        self.scale, self.direction = nn.Parameter(torch.rand(4)), nn.Parameter(torch.rand(4, 4))

    def forward(self, x):
        h = torch.tanh(2 * self.slope * self.first(x) + self.shift)
        g = torch.sin(F.linear(self.frozen(h), self.scale.exp()[:, None] * self.direction))
        h = h + self.skip * (g - h) - self.shift / 3
        # one column is broadcast over a row of factors, and the slope enters a second time
        return (h * self.first(x))[:, :1] * self.slope / (1 + self.skip) + self.skip


def residual(u, u_x, u_y, u_xx, u_xy):
    """A nonlinear expression of the derivatives, summed over the fields."""
    return (u * u_x + u_xx - u_y * u_xy).sum(-1)


def by_jets(network, points, parameters):
    tape = []
    r = residual(*network(Jet.of_coordinates(points, INDICES, tape=tape)).data)
    return residual_jacobian(r, tape, parameters)


def by_functional_transforms(network, points, parameters):
    """The same Jacobian by torch.func, point by point, without jets."""
    names = {id(p): name for name, p in network.named_parameters()}
    chosen = {names[id(p)]: p.detach() for p in parameters}

    def r(values, point):
        def u(x):
            return torch.func.functional_call(network, values, (x[None],))[0]

        first, second = torch.func.jacfwd(u)(point), torch.func.jacfwd(torch.func.jacfwd(u))(point)
        return residual(u(point), first[:, 0], first[:, 1], second[:, 0, 0], second[:, 0, 1])

    rows = [torch.func.jacrev(r)(chosen, point) for point in points]
    return torch.stack([torch.cat([row[name].reshape(-1) for name in chosen]) for row in rows])


@pytest.mark.parametrize("part", [slice(None), slice(1, 5, 2)], ids=["all", "some"])
def test_parameters_may_enter_in_any_way(part):
    torch.manual_seed(0)
    network, points = EveryEntry().double(), torch.rand(6, 2, dtype=torch.float64)
    parameters = [p for p in network.parameters() if p.requires_grad][part]
    expected = by_functional_transforms(network, points, parameters)
    torch.testing.assert_close(by_jets(network, points, parameters), expected, rtol=1e-10, atol=1e-12)


def test_parameters_that_do_not_enter_are_refused():
    tape = []
    layer, other = nn.Linear(2, 1), nn.Parameter(torch.ones(1))
    r = layer(Jet.of_coordinates(torch.rand(4, 2), INDICES, tape=tape)).data[0, :, 0]
    for records in (tape, []):
        with pytest.raises(ValueError, match="each trained parameter to enter the network"):
            residual_jacobian(r, records, [*layer.parameters(), other])


def test_a_parameter_for_each_point_is_refused():
    tape = []
    factor = nn.Parameter(torch.ones(4, 2))
    r = (factor * Jet.of_coordinates(torch.rand(4, 2), INDICES, tape=tape)).data[0].sum(1)
    with pytest.raises(ValueError, match="shared by all points"):
        residual_jacobian(r, tape, [factor])
