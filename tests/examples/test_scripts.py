"""The numbered scripts run, at reduced length; each asserts its own figure."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
CASES = {
    "01_pinn": {"steps": 25, "at_most": 0.02},
    "02_operator": {"samples": 40, "epochs": 20, "at_most": 0.4},
    "03_superresolution": {"epochs": 3, "ratio_at_most": 1.1},
    "04_balancing": {"steps": 10, "at_most": 2.0},
    "05_high_accuracy": {"steps": 15, "at_most": 1e-3},
    "06_conditioning": {"harmonics": 8},
    "07_galerkin": {"seconds": 1.0, "of_the_mean": 1.2, "finest": 33},
}


@pytest.mark.parametrize("name", CASES)
def test_script(name, tmp_path):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(**CASES[name], output=str(tmp_path / "run")) > 0
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written & {"report.html", "errors.png", "spectrum.png", "fields.png"}


def test_every_script_is_run_and_short():
    scripts = {path.stem: path for path in EXAMPLES.glob("[0-9]*.py")}
    assert scripts.keys() == CASES.keys()
    assert all(len(path.read_text().splitlines()) <= 80 for path in scripts.values())
