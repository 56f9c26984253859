import pytest

import pdes.benchmarks
from sciml import load_config
from sciml.benchmarks import benchmark_config, benchmark_names
from sciml.experiment import train


def test_every_problem_has_a_configuration():
    assert benchmark_names() == sorted(pdes.benchmarks.__all__)


@pytest.mark.parametrize("name", benchmark_names())
def test_a_configuration_is_for_its_problem(name):
    config = load_config(benchmark_config(name))
    assert config.name == name
    assert config.problem.name == name


def test_the_example_of_the_shock_is_its_benchmark():
    example, benchmark = (
        load_config(path) for path in ("examples/burgers_pinn.yaml", benchmark_config("burgers_shock"))
    )
    example.name = benchmark.name
    assert example == benchmark


@pytest.mark.slow
@pytest.mark.parametrize("name", benchmark_names())
def test_every_benchmark_trains_and_writes_its_report(name, tmp_path):
    overrides = ["--train.max_seconds", "10", "--output", str(tmp_path / "run")]
    report, _ = train(load_config(benchmark_config(name), overrides))
    assert 0 < report["rel_l2"] < 3
    assert (tmp_path / "run" / "report.html").is_file()
    assert any((tmp_path / "run" / "figures").glob("*.png"))
