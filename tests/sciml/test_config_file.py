import pytest

from sciml.config import Component
from sciml.config_file import dump_config, load_config

PINN = """
problem: {name: burgers_shock}
model: {name: MLP, options: {width: 20}}
train: {stages: [{optimizer: Adam, steps: 4, options: {lr: 1.0e-3}}]}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(PINN)
    return path


def test_overrides_reach_nested_keys(path):
    config = load_config(
        path, ["--train.max_seconds", "90", "--model.options.depth", "3", "--output", "x", "--seed", "7"]
    )
    assert config.train.max_seconds == 90.0
    assert config.model == Component("MLP", {"width": 20, "depth": 3})
    assert config.train.stages[0].options == {"lr": 1e-3}
    assert (config.seed, str(config.folder)) == (7, "x")
    assert config.train.stages[0].epochs is None


def test_overrides_of_one_dictionary_add_up(path):
    config = load_config(
        path,
        [
            *("--train.balancer.options.weights.initial", "10"),
            *("--train.balancer.options.weights.boundary", "1e-2"),
            "--model.options.activation=sin",
            *("--points.conditions.initial", "7"),
        ],
    )
    assert config.train.balancer == Component("WeightedSum", {"weights": {"initial": 10, "boundary": 0.01}})
    assert config.model.options == {"width": 20, "activation": "sin"}
    assert config.points.conditions == {"initial": 7}


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "1E-3", "0.001", "+1e-3"])
def test_numbers_with_an_exponent_are_numbers(path, text):
    path.write_text(PINN.replace("1.0e-3", text))
    assert load_config(path).train.stages[0].options == {"lr": 1e-3}
    assert load_config(path, ["--train.max_seconds", text]).train.max_seconds == 1e-3
    assert load_config(path, ["--model.options.width", "12"]).model.options == {"width": 12}


def test_lists_of_files(path):
    path.write_text(
        PINN.replace("problem: {name: burgers_shock}", "data: {train: a.h5, inputs: [a], targets: [u]}")
    )
    config = load_config(path, ["--data.test", "[b.h5,c.h5]"])
    assert config.data.test == ["b.h5", "c.h5"]
    assert config.data.train_files == ["a.h5"]
    assert load_config(path, ["--data.train", "[a.h5,d.h5]"]).data.train_files == ["a.h5", "d.h5"]


def test_a_resolved_configuration_loads_again(path, tmp_path):
    config = load_config(path, ["--train.max_seconds", "90"])
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(dump_config(config))
    assert load_config(resolved) == config


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        (PINN + "trian: 3\n", [], "unknown key 'trian'; did you mean 'train'?"),
        (PINN, ["--train.max_secs", "3"], "unknown key 'max_secs'; did you mean 'max_seconds'?"),
        (PINN, ["--train.max_seconds", "abc"], "train.max_seconds: expected float or null, got 'abc'"),
        (PINN, ["--dtype", "int8"], "dtype: expected Literal['float32', 'float64'], got 'int8'"),
        (PINN, ["--seed", "x"], "seed: expected int, got 'x'"),
        (PINN, ["--train.max_seconds", "-1"], "train.max_seconds must be positive, not -1.0"),
        (PINN, ["--points.adaptive", "2"], "points.adaptive is a share from 0 to 1, not 2.0"),
        (PINN, ["--points.resample_until", "2"], "points.resample_until is a share from 0 to 1, not 2.0"),
        (PINN, ["--train.ema", "1"], "train.ema is a decay between 0 and 1, not 1.0"),
        (PINN, ["--train.precision", "bfloat16"], "train.precision bfloat16 is for operators"),
        (PINN, ["--train.incremental.until", "0"], "train.incremental.until is a share above 0"),
        (PINN, ["--train.incremental.every", "0"], "train.incremental.every must be positive, not 0"),
        (
            "data: {train: a, inputs: [a], targets: [u]}\ntrain: {stages: [{steps: 1}], channel_weights: [1, 0]}\n",
            [],
            "train.channel_weights must be positive",
        ),
        (
            "data: {train: a, inputs: [a], targets: [u], symmetries: [mirrors]}\ntrain: {stages: [{steps: 1}]}\n",
            [],
            "symmetries: expected",
        ),
        (PINN, ["--train.patience", "3"], "set data.validation and train.validate_every"),
        (PINN, ["--data.train", "a.h5"], "either 'problem' (it trains a PINN) or 'data'"),
        ("model: {name: MLP}\n", [], "either 'problem' (it trains a PINN) or 'data'"),
        ("problem: {name: p}\n", [], "train.stages is empty"),
        ("problem: {name: p}\ntrain: {stages: [{steps: 1, epochs: 2}]}\n", [], "give either steps or epochs"),
        ("problem: {name: p}\ntrain: {stages: [{steps: 0}]}\n", [], "at least one step, not 0"),
        (
            "data: {train: a, inputs: [u], targets: [a], input_noise: -0.1}\ntrain: {stages: [{steps: 1}]}\n",
            [],
            "data.input_noise is the norm of the noise over that of the inputs, 0 or more, not -0.1",
        ),
        (
            "data: {train: a, inputs: [u], targets: [a], coarsen: [2], coarse_until: 1.5}\ntrain: {stages: [{steps: 1}]}\n",
            [],
            "data.coarse_until is a share above 0 and up to 1, not 1.5",
        ),
        (
            "data: {train: a, inputs: [u], targets: [a], coarse_until: 0.5}\ntrain: {stages: [{steps: 1}]}\n",
            [],
            "data.coarse_until needs data.coarsen",
        ),
        ("data: {train: a, targets: [u]}\ntrain: {stages: [{steps: 1}]}\n", [], "data.inputs is missing"),
        ("a: [1,\n b: }", [], "while parsing"),
        ("- a\n", [], "expected keys and values"),
        (PINN, ["--seed"], "--seed needs a value"),
        (PINN, ["seed", "3"], "unexpected argument 'seed'"),
        (
            PINN,
            ["--train.stages", "[{optimizer: Adam, step: 3}]"],
            "unknown key 'step'; did you mean 'steps'?",
        ),
    ],
)
def test_mistakes_are_named_in_one_line(path, text, overrides, message):
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        load_config(path, overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml does not exist"):
        load_config(tmp_path / "nowhere.yaml")
