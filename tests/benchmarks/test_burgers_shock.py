"""How accurate the Burgers shock gets in a given time: figures of docs/benchmarks.md. Run by `make bench-pinn`."""

import pytest

from sciml import load_config
from sciml.experiment import train

pytestmark = [pytest.mark.bench]


@pytest.mark.parametrize(
    ("seconds", "seed", "bound"),
    [(15, 0, 1e-3), (15, 1, 1e-3), (15, 2, 1e-3), (180, 0, 5e-6), (1200, 0, 1e-7)],
)
def test_burgers_shock(seconds, seed, bound, tmp_path):
    overrides = ["--train.max_seconds", str(seconds), "--seed", str(seed), "--output", str(tmp_path / "run")]
    report, _ = train(load_config("examples/burgers_pinn.yaml", overrides))
    print(f"\nburgers_shock, seed {seed}: {report['rel_l2']:.1e} in {report['wall_s']:.0f} s")
    assert report["rel_l2"] <= bound
