"""A process that is killed, not an exception that is caught."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CONFIG = """
problem: {name: burgers_shock}
points: {interior: 200, conditions: {boundary: 20, initial: 20}, resample_every: 40, adaptive: 0.5}
model: {name: MLP, options: {width: 8, depth: 2}}
train:
  stages:
    - {optimizer: Adam, steps: 400, schedule: cosine, options: {lr: 1.0e-2}}
    - {optimizer: LBFGS, steps: 20}
  log_every: 10
  checkpoint_seconds: 0.05
threads: 1
"""


def command(config: Path, output: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "sciml.cli", "train", str(config), "--output", str(output), *more]


@pytest.mark.parametrize("after", [3, 12])
def test_a_run_killed_by_the_system_ends_as_an_uninterrupted_one(tmp_path, after):
    config = tmp_path / "run.yaml"
    config.write_text(CONFIG)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(config, whole), check=True, capture_output=True)
    process = subprocess.Popen(command(config, killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    metrics = killed / "metrics.jsonl"
    while not (metrics.is_file() and len(metrics.read_text().splitlines()) >= after):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "report.json").exists()
    subprocess.run(command(config, killed, "--resume"), check=True, capture_output=True)
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
