import pytest
import torch

from operators import DeepONet, MultiONet, check_operator, unit_points

CONVENTIONS = ["half-open", "vertices", "centres"]


def make(kind, **options):
    torch.manual_seed(0)
    defaults = {"sensors": 5, "width": 12, "depth": 4}
    return kind(2, 3, **{**defaults, **options}).double()


@pytest.mark.parametrize("kind", [DeepONet, MultiONet])
@pytest.mark.parametrize("grid", CONVENTIONS)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_contract(kind, grid, dims):
    check_operator(
        lambda: kind(2, 3, dims=dims, sensors=[4, 5, 3][:dims], width=12, depth=4, grid=grid),
        sizes=[(6,) * dims, (9, 7, 6)[:dims], (3,) * dims],
    )


@pytest.mark.parametrize("kind", [DeepONet, MultiONet])
def test_sensors_lie_in_order_and_read_any_grid(kind):
    """A field that is linear along each axis has the same values at the sensors, whatever its grid."""
    model = make(kind, dims=3, sensors=[4, 5, 3], grid=["vertices", "half-open", "centres"])

    def field(sizes):
        axes = [unit_points(n, c) for n, c in zip(sizes, model.grid, strict=True)]
        x, y, z = torch.meshgrid(*axes, indexing="ij")
        return torch.stack([x + 2 * y - z + 3 * x * y * z, 1 - x * y])[None], axes

    sensors, _ = field(model.sensors)
    anywhere = torch.rand(4, 3, dtype=torch.float64)
    for sizes in ((7, 6, 8), (3, 4, 2)):
        torch.testing.assert_close(model.at_sensors(*field(sizes)), sensors)
        torch.testing.assert_close(model.query(field(sizes)[0], anywhere), model.query(sensors, anywhere))


@pytest.mark.parametrize("grid", CONVENTIONS)
@pytest.mark.parametrize("kind", [DeepONet, MultiONet])
def test_query_agrees_with_the_grid(kind, grid):
    model = make(kind, dims=2, grid=grid, domain=[(0, 2), (-1, 1)])
    model.zero_boundary = (False, True)
    x = torch.randn(2, 2, 6, 7, dtype=torch.float64)
    axes = [lo + (hi - lo) * unit_points(n, grid) for n, (lo, hi) in zip((6, 7), model.domain, strict=True)]
    values = model.query(x, torch.cartesian_prod(*axes))
    torch.testing.assert_close(values.unflatten(2, (6, 7)), model(x))


@pytest.mark.parametrize("kind", [DeepONet, MultiONet])
def test_zero_boundary(kind):
    model, free = make(kind, dims=2, zero_boundary=[True, False]), make(kind, dims=2)
    free.load_state_dict(model.state_dict())
    x = torch.randn(2, 2, 6, 7, dtype=torch.float64)
    s = unit_points(6, "half-open")[:, None]
    torch.testing.assert_close(model(x), 4 * s * (1 - s) * free(x))


def layers(net, z, activation):
    values = []
    for layer in net:
        z = activation(z @ layer.weight.T + layer.bias)
        values.append(z)
    return values


def test_deeponet_is_the_product_of_its_branch_and_trunk():
    model = make(DeepONet, dims=1, basis=4)
    x, s = torch.randn(3, 2, 5, dtype=torch.float64), unit_points(5, "half-open")
    gelu = torch.nn.functional.gelu
    b = model.branch_head(layers(model.branch, x.reshape(3, 10), gelu)[-1])
    t = gelu(model.trunk_head(layers(model.trunk, 2 * s[:, None] - 1, gelu)[-1]))
    y = model(x)
    for sample in range(3):
        for field in range(3):
            expected = sum(b[sample, 4 * field + k] * t[:, k] for k in range(4)) + model.bias[field]
            torch.testing.assert_close(y[sample, field], expected)


def test_the_outputs_of_a_deeponet_span_no_more_than_its_basis():
    """All outputs minus the bias lie in the span of the trunk's functions, whatever the input."""
    model = make(DeepONet, dims=1, basis=3)
    model.bias.data.zero_()
    y = model(torch.randn(10, 2, 16, dtype=torch.float64)).flatten(0, 1)
    values = torch.linalg.svdvals(y)
    assert values[2] > 1e-6 * values[0]
    assert values[3] < 1e-10 * values[0]


def test_multionet_sums_products_of_its_last_layers():
    model = make(MultiONet, dims=1, products=2)
    torch.testing.assert_close(model.layer_weights, torch.full((2,), 12**-0.5, dtype=torch.float64))
    model.layer_weights.data.normal_()
    model.bias.data.normal_()
    x, s = torch.randn(3, 2, 5, dtype=torch.float64), unit_points(5, "half-open")
    silu = torch.nn.functional.silu
    b = layers(model.branch, x.reshape(3, 10), silu)
    t = layers(model.trunk, 2 * s[:, None] - 1, silu)
    y = model(x)
    for field in range(3):
        mine = slice(4 * field, 4 * field + 4)
        products = [
            w * b[i][:, mine] @ t[i][:, mine].T for w, i in zip(model.layer_weights, (2, 3), strict=True)
        ]
        torch.testing.assert_close(y[:, field], sum(products) / 2 + model.bias[field])


@pytest.mark.parametrize("kind", [DeepONet, MultiONet])
def test_gradients(kind):
    model = make(kind, dims=1, width=3, sensors=3)
    x = torch.randn(1, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, x, check_forward_ad=True)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            DeepONet,
            {"sensors": 1},
            "sensors is 1; each axis needs at least 2",
        ),
        (DeepONet, {"sensors": [4]}, "sensors has 1 entries but the model has 2 axes"),
        (DeepONet, {"basis": 0}, "basis is 0"),
        (DeepONet, {"depth": 0}, r"depth \(0\) must be at least 1"),
        (DeepONet, {"activation": "relu"}, "unknown activation 'relu'"),
        (MultiONet, {"products": 6, "depth": 5}, "products is 6; expected 1 to 5, the depth"),
        (MultiONet, {"width": 10}, "width 10 cannot be shared by 3 output fields; choose a multiple of 3"),
    ],
)
def test_wrong_arguments(kind, options, message):
    with pytest.raises(ValueError, match=message):
        make(kind, dims=2, **options)


def test_wrong_points():
    with pytest.raises(ValueError, match=r"points have shape \(5, 1\); expected \(n, 2\)"):
        make(DeepONet, dims=2).query(torch.ones(1, 2, 4, 4).double(), torch.ones(5, 1))
