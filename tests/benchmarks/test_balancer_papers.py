"""Balancers in the set-ups of their papers, the second table of docs/optimizers.md.

A run takes from ten minutes to hours of one core, so it is for a night, or for pieces: results are kept in the folder
SCIML_PAPER_RESULTS (runs/papers; docs/results/balancer_papers has the recorded ones), SCIML_PAPER_SEEDS is their number (1)
and SCIML_PAPER_STEPS a share of the papers' steps (1):
`SCIML_PAPER_STEPS=0.1 pytest -m bench -s tests/benchmarks/test_balancer_papers.py -k "runs and burgers"`. `-k table` prints what is recorded,
`-k tenth` checks it in a tenth of the time.
"""

import math
import os
from pathlib import Path

import balancer_papers
import pytest
import recorded

pytestmark = [pytest.mark.bench]
SEEDS = int(os.environ.get("SCIML_PAPER_SEEDS", "1"))
SHARE = float(os.environ.get("SCIML_PAPER_STEPS", "1"))
FOLDER = Path(os.environ.get("SCIML_PAPER_RESULTS", "runs/papers"))
RESULTS = FOLDER / "results.json"


@pytest.mark.parametrize("benchmark_name", balancer_papers.SETUPS)
def test_runs(benchmark_name):
    wanted = balancer_papers.runs(benchmark_name, SEEDS, SHARE)
    for record in recorded.complete(RESULTS, balancer_papers.measure, wanted):
        print("\n{benchmark} {balancer} seed {seed}: {rel_l2:.2e}, {seconds:.0f} s".format(**record), end="")
    records = recorded.load(RESULTS)
    errors = [records["/".join(map(str, run))]["rel_l2"] for run in wanted]
    assert all(math.isfinite(error) for error in errors)


@pytest.mark.parametrize("key", recorded.load(RESULTS))
def test_first_tenth(key):
    """A recorded run is what the present code does: a tenth of the way its error is the same to the last digit.

    Training forgets nothing, so from there on it would go the same way. A processor of another kind rounds differently.
    """
    record = recorded.load(RESULTS)[key]
    arguments = [record[name] for name in ("benchmark", "balancer", "seed", "steps")]
    tenth = balancer_papers.measure(*arguments, tenths=1)
    error, recorded_error = tenth["history"][0], record["history"][0]
    print(f"\n{key}: {error!r}, recorded {recorded_error!r}, {tenth['seconds']:.0f} s", end="")
    assert error == recorded_error


def test_table():
    records = recorded.load(RESULTS)
    print(f"\n{balancer_papers.markdown(records)}")
    assert records
    assert all(math.isfinite(record["rel_l2"]) for record in records.values())
