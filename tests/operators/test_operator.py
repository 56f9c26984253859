import copy
import inspect
import json
import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import operators
from operators import FNO, MLP, Operator, unit_points


class Scale(Operator):
    """Multiplies the field by the unit coordinates: the smallest operator that sees its grid."""

    def __init__(self, in_channels=1, *, dims=1, domain=None, grid="half-open"):
        super().__init__(in_channels, in_channels, dims=dims, domain=domain, grid=grid)
        self.factor = torch.nn.Parameter(torch.ones(()))

    def operate(self, x, points):
        for axis, s in enumerate(points):
            x = x * s.view(-1, *[1] * (self.dims - 1 - axis))
        return x * self.factor


@given(n=st.integers(2, 200))
def test_points_lie_where_the_conventions_say(n):
    half_open, vertices, centres = (unit_points(n, c) for c in ("half-open", "vertices", "centres"))
    assert half_open[0] == vertices[0] == 0
    assert vertices[-1] == 1
    torch.testing.assert_close(half_open[-1].item(), 1 - 1 / n)
    torch.testing.assert_close(centres, half_open + 0.5 / n)


@given(
    n=st.integers(2, 300),
    lower=st.floats(-50, 50),
    length=st.floats(0.1, 100),
    conventions=st.tuples(*[st.sampled_from(sorted(operators.CONVENTIONS))] * 2),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_coordinates_are_accepted_exactly_when_they_fit(n, lower, length, conventions, dtype):
    own, given = conventions
    model = Scale(domain=[(lower, lower + length)], grid=own)
    coords = [(lower + length * unit_points(n, given)).to(dtype)]
    x = torch.ones(1, 1, n)
    if own == given:
        assert torch.equal(model(x, coords)[0, 0], unit_points(n, own).float())
    else:
        with pytest.raises(
            ValueError, match=f"axis 0 follow the '{given}' convention .* built for '{own}'; resample"
        ):
            model(x, coords)


def test_coordinates_off_the_domain():
    model = Scale(dims=2, domain=[(0, 1), (0, 2)])
    coords = [unit_points(4, "half-open"), unit_points(5, "half-open")]
    with pytest.raises(ValueError, match=r"axis 1 \(5 points from 0 to 0.8\) .* domain \[0, 2\]; resample"):
        model(torch.ones(1, 1, 4, 5), coords)
    with pytest.raises(ValueError, match=r"axis 1 have shape \(4,\) .* expected \(5,\)"):
        model(torch.ones(1, 1, 4, 5), [coords[0], coords[0]])
    with pytest.raises(ValueError, match="holds 1 tensors but the model has 2 axes"):
        model(torch.ones(1, 1, 4, 5), coords[:1])
    coords[1] = torch.full((5,), torch.nan)
    with pytest.raises(ValueError, match="axis 1"):
        model(torch.ones(1, 1, 4, 5), coords)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.ones(1, 2, 8), r"3 dimensions but a 2-D model takes 4: \(batch, channel, \*grid\)"),
        (torch.ones(1, 3, 8, 8), r"3 channels but the model takes 2; .* got \(1, 3, 8, 8\)"),
        (torch.ones(1, 2, 8, 1), r"axis 1 of the input has 1 point\(s\)"),
        (torch.ones(1, 2, 8, 8).double(), "input is torch.float64 but the model's weights are torch.float32"),
    ],
)
def test_wrong_input(x, message):
    with pytest.raises(ValueError, match=message) as error:
        Scale(2, dims=2)(x)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domain": [(0, 1)]}, "domain describes 1 axes but the model has 2"),
        ({"domain": [(0, 1), (1, 1)]}, "domain of axis 1: upper end 1.0 must exceed"),
        ({"grid": ["vertices"]}, "grid describes 1 axes"),
        ({"grid": "staggered"}, "unknown convention 'staggered'; choose one of half-open, vertices, centres"),
    ],
)
def test_wrong_grid(options, message):
    with pytest.raises(ValueError, match=message):
        Scale(dims=2, **options)


def test_options_rebuild_the_model():
    model = FNO(1, 1, (4, 4), 6, layers=2, domain=[(0.0, 1.0), (0.0, 2.0)], zero_boundary=True)
    assert model.options["modes"] == [4, 4]
    assert (
        model.options["mlp_ratio"] == 0.5
    )  # defaults are recorded: a later change of theirs must not alter a saved model
    rebuilt = getattr(operators, type(model).__name__)(**json.loads(json.dumps(model.options)))
    rebuilt.load_state_dict(model.state_dict())
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(rebuilt(x), model(x))


def test_options_are_those_of_the_outermost_class():
    class Wide(MLP):
        def __init__(self, width=32):
            super().__init__(1, 1, width=width)

    class Same(Wide):
        pass

    assert Wide(16).options == {"width": 16}
    assert Same().options == {"width": 32}
    assert MLP(2, 1, lower=torch.zeros(2), upper=(1, 2)).options["lower"] == [0.0, 0.0]


def test_models_can_be_copied_and_pickled():
    model = MLP(1, 1, width=4)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.options == model.options


def test_keyword_arguments_of_the_base_class_are_options():
    class Gain(MLP):
        def __init__(self, *, gain=2.0, width=7, **others):
            super().__init__(1, 1, width=width, **others)

    parameters = inspect.signature(Gain).parameters
    assert list(parameters)[:2] == ["gain", "width"]
    assert {"depth", "lower", "periodic"} < parameters.keys()
    assert "others" not in parameters
    model = Gain(depth=1, lower=[0], upper=[1], periodic=[0])
    assert model.options["gain"] == 2
    assert (model.options["width"], model.options["depth"], model.options["periodic"]) == (7, 1, [0])
    assert Gain(**model.options).options == model.options
    with pytest.raises(TypeError, match="unexpected keyword argument 'heads'"):
        Gain(heads=3)


def test_positional_arguments_of_the_base_class_come_first():
    class Shallow(MLP):
        def __init__(self, *first, gain=2.0, depth=1, **others):
            super().__init__(*first, depth=depth, **others)

    parameters = inspect.signature(Shallow).parameters
    assert list(parameters)[:4] == ["in_features", "out_features", "gain", "depth"]
    model = Shallow(2, out_features=3, width=7)
    assert (model.options["in_features"], model.options["out_features"]) == (2, 3)
    assert (model.options["depth"], model.options["width"]) == (1, 7)
    assert Shallow(**model.options).options == model.options
    with pytest.raises(TypeError, match="missing a required argument: 'out_features'"):
        Shallow(2)


def test_import_leaves_slow_packages_alone():
    code = "import operators, sys; sys.exit(bool({'neuralop', 'tltorch'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
