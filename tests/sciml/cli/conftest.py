import pytest

from sciml.cli import main

PINN = """
name: shock
problem: {name: burgers_shock}
points: {interior: 50, conditions: {boundary: 8, initial: 8}}
model: {name: MLP, options: {width: 6, depth: 2}}
train: {stages: [{optimizer: Adam, steps: 6}], log_every: 2}
"""
OPERATOR = """
name: diffusion
data: {train: %s, test: [%s, %s], inputs: [a], targets: [u], batch_size: 16}
model: {name: FNO, options: {modes: [8], width: 8}}
train: {stages: [{optimizer: Adam, epochs: 2, options: {lr: 1.0e-2}}]}
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pinn(tmp_path):
    path = tmp_path / "pinn.yaml"
    path.write_text(PINN)
    return str(path)


@pytest.fixture
def operator(tmp_path, diffusion_files):
    path = tmp_path / "operator.yaml"
    path.write_text(
        OPERATOR % (diffusion_files["train"], diffusion_files["test"], diffusion_files["test_fine"])
    )
    return str(path)


@pytest.fixture
def fails(capsys):
    def run(*argv):
        """The one line that a user's error prints."""
        assert main(argv) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("step ")]
        assert len(lines) == 1
        assert lines[0].startswith("sciml: ")
        return lines[0]

    return run
