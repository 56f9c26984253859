"""Every network of coordinates that the package exports: its contract, and that jets and least squares take it."""

import math

import pytest
import torch
from torch import nn

import operators
from operators import MLP, CoordinateNetwork, FourierMLP, FourierSeries, PirateNet, check_coordinate_network
from pdes.derivatives import Autograd
from pdes.derivatives.jet import Jet
from pdes.derivatives.multi_index import closure
from sciml.optim.jacobian import residual_jacobian
from sciml.train import load_model, save_model

BOUNDS = {"lower": [-1.0, 0.0], "upper": [2.0, 0.5]}
LAYERED = {
    name: value
    for name in operators.__all__
    if isinstance(value := getattr(operators, name), type)
    and issubclass(value, CoordinateNetwork)
    and value not in (CoordinateNetwork, FourierSeries)
}
"""Networks of several layers; a series has one."""
VARIANTS = [
    *((kind, {}) for kind in LAYERED.values()),
    *((kind, {"periodic": [0], "harmonics": 2}) for kind in LAYERED.values()),
    (MLP, {"adaptive": "layer", "activation": "sin"}),
    (MLP, {"adaptive": "neuron", "slope_scale": 3.0, "activation": "silu"}),
    (FourierMLP, {"sigma": [1.0, 3.0], "trainable": True, "frequencies": 3}),
    (PirateNet, {"trainable": True, "factorised": True, "activation": "gelu"}),
]


def over(variants):
    names = [f"{kind.__name__}-{'-'.join(options) or 'plain'}" for kind, options in variants]
    return pytest.mark.parametrize(("kind", "options"), variants, ids=names)


every_network = over([*VARIANTS, (FourierSeries, {"harmonics": [2, 1], "order": 1.0})])


def make(kind, options, out_features=2):
    sizes = {"width": 4, "depth": 2} if kind in LAYERED.values() else {}
    return kind(2, out_features, **sizes, **BOUNDS, **options)


def build(kind, options):
    """A small network in float64 whose parameters are all in use."""
    torch.manual_seed(0)
    network = make(kind, options).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def points_inside(n):
    lower, upper = (torch.tensor(BOUNDS[name]).double() for name in ("lower", "upper"))
    return lower + (upper - lower) * torch.rand(n, 2, dtype=torch.float64)


@every_network
def test_contract(kind, options):
    check_coordinate_network(lambda: make(kind, options, out_features=3))


@every_network
def test_jets_are_automatic_differentiation(kind, options):
    network, points = build(kind, options), points_inside(3)
    indices = closure([(0, 0, 0, 0), (0, 0, 1, 1), (0, 1, 1, 1)])
    jet = network(Jet.of_coordinates(points, indices))
    leaf = points.clone().requires_grad_()
    d = Autograd(("x", "t"), leaf)
    for field, u in enumerate(network(leaf).unbind(1)):
        for k, index in enumerate(indices):
            expected = d(u, tuple("xt"[i] for i in index)) if index else u
            torch.testing.assert_close(jet.data[k, :, field], expected, rtol=1e-10, atol=1e-10)


@every_network
def test_jacobian_is_that_of_torch_func(kind, options):
    network, points = build(kind, options), points_inside(4)
    tape = []
    u, u_x, _, u_xx = network(Jet.of_coordinates(points, closure([(0, 0), (1,)]), tape=tape)).data
    residual = (u * u_x + u_xx).sum(1)

    def r(values, point):
        def u(x):
            return torch.func.functional_call(network, values, (torch.stack([x, point[1]])[None],))[0]

        first = torch.func.jacfwd(u)
        return (u(point[0]) * first(point[0]) + torch.func.jacfwd(first)(point[0])).sum()

    values = {name: parameter.detach() for name, parameter in network.named_parameters()}
    rows = torch.func.vmap(torch.func.jacrev(r), in_dims=(None, 0))(values, points)
    expected = torch.cat([row.reshape(len(points), -1) for row in rows.values()], 1)
    jacobian = residual_jacobian(residual, tape, list(network.parameters()))
    torch.testing.assert_close(jacobian, expected, rtol=1e-9, atol=1e-9)


@every_network
def test_a_saved_network_comes_back(kind, options, tmp_path):
    network, points = build(kind, options), points_inside(5)
    save_model(tmp_path, network, {"kind": "pinn"})
    again, _ = load_model(tmp_path)
    assert torch.equal(again(points), network(points))


class Features(CoordinateNetwork):
    """Shows what a network sees."""

    def __init__(self, in_features, **others):
        super().__init__(in_features, in_features, **others)
        self.weight = nn.Parameter(torch.ones(()))

    def network(self, z):
        return self.weight * z


def test_bounds_become_the_unit_box():
    network = Features(2, lower=[0, -3], upper=[2, 5])
    z = network(torch.tensor([[0.0, -3], [2, 5], [1, 1]]))
    torch.testing.assert_close(z, torch.tensor([[-1.0, -1], [1, 1], [0, 0]]))


def test_harmonics_take_the_place_of_periodic_coordinates():
    network = Features(3, lower=[0, 0, -1], upper=[2, 1, 1], periodic=[2, 0], harmonics=[1, 2]).double()
    assert network.feature_axes == (0, 0, 0, 0, 1, 2, 2)
    x, y, w = 0.3, 0.4, -0.2
    a, b = math.pi * (x - 1), math.pi * w
    expected = [
        math.cos(a),
        math.cos(2 * a),
        math.sin(a),
        math.sin(2 * a),
        2 * y - 1,
        math.cos(b),
        math.sin(b),
    ]
    z = network(torch.tensor([[x, y, w]], dtype=torch.float64))
    torch.testing.assert_close(z, torch.tensor([expected], dtype=torch.float64))


def test_the_period_is_exact_in_float64():
    """Although the network was made in float32, where 2π is another number."""
    network = MLP(2, 1, lower=[0, 0], upper=[2 * math.pi, 1], periodic=[0], harmonics=5).float().double()
    assert network.upper[0] == 2 * math.pi
    ends = torch.tensor([[0, 0.3], [2 * math.pi, 0.3]], dtype=torch.float64)
    low, high = network(Jet.of_coordinates(ends, closure([(0, 0, 0, 0)]))).data.unbind(1)
    torch.testing.assert_close(low, high, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lower": [0]}, "lower has 1 entries but the network has 2 coordinates"),
        ({"lower": [0, 1], "upper": [1, 1]}, r"upper \[1.0, 1.0\] must exceed lower \[0.0, 1.0\]"),
        ({"periodic": [0]}, "a period needs the bounds lower and upper"),
        ({**BOUNDS, "periodic": [2]}, r"periodic is \[2\]; it must hold different indices below 2"),
        ({**BOUNDS, "periodic": [1, 1]}, "different indices"),
        ({**BOUNDS, "periodic": [1], "harmonics": 0}, r"harmonics is \[0\]; give a positive number"),
        ({**BOUNDS, "periodic": [1], "harmonics": [1, 2]}, "one for each of the 1 periodic"),
    ],
)
@pytest.mark.parametrize("kind", LAYERED.values(), ids=LAYERED)
def test_wrong_coordinates(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(2, 1, **options)


def test_wrong_points():
    with pytest.raises(ValueError, match="points have 1 coordinates but the network takes 2"):
        MLP(2, 1)(torch.ones(3, 1))


@pytest.mark.parametrize("kind", LAYERED.values(), ids=LAYERED)
def test_wrong_sizes(kind):
    with pytest.raises(ValueError, match=r"width \(4\) and depth \(0\) must be at least 1"):
        kind(1, 1, width=4, depth=0)
