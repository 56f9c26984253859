"""The table of balancers by benchmarks in docs/optimizers.md. Run by `make bench-pinn`; it takes about an hour.

Results are kept in the folder SCIML_BALANCER_RESULTS (runs/balancers), so it can be run in pieces:
`pytest -m bench -s tests/benchmarks/test_balancer_table.py -k kovasznay`. A run takes 30 s, or SCIML_BENCH_SECONDS.
"""

import math
import os
from pathlib import Path

import balancer_table
import pytest
import recorded

pytestmark = [pytest.mark.bench]
SECONDS = min(30.0, float(os.environ.get("SCIML_BENCH_SECONDS", "30")))
FOLDER = Path(os.environ.get("SCIML_BALANCER_RESULTS", "runs/balancers"))
RESULTS = FOLDER / "results.json"


@pytest.mark.parametrize("benchmark_name", balancer_table.BENCHMARKS)
def test_runs(benchmark_name):
    wanted = balancer_table.runs(benchmark_name, SECONDS)
    for record in recorded.complete(RESULTS, balancer_table.measure, wanted):
        print("\n{benchmark} {balancer} seed {seed}: {rel_l2:.2e}, {steps} steps".format(**record), end="")
    mine = [r for r in recorded.load(RESULTS).values() if r["seconds"] == SECONDS]
    errors = [record["rel_l2"] for record in mine if record["benchmark"] == benchmark_name]
    assert len(errors) == len(balancer_table.SEEDS) * len(balancer_table.balancers([], []))
    assert all(math.isfinite(error) for error in errors)


def test_table():
    text = balancer_table.markdown(recorded.load(RESULTS), SECONDS)
    (FOLDER / "table.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}")
