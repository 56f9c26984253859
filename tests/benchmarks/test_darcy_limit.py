"""The limit of every operator's error on Darcy flow from 43 x 43 points. Run by `make bench-operators`; it takes ten minutes of a core.

The data set is made in SCIML_OPERATOR_DATA (runs/operators/data) where that does not hold it.
"""

import math
import os
from pathlib import Path

import darcy_limit
import numpy as np
import operator_table
import pytest
import recorded

from sciml.data import FieldFile

pytestmark = [pytest.mark.bench]
DATA = Path(os.environ.get("SCIML_OPERATOR_DATA", "runs/operators/data"))
RECORDED = Path(os.environ.get("SCIML_OPERATOR_RESULTS", "docs/results/operator_table")) / "results.json"
SAMPLES = 50


def test_sampler():
    """Two correlated normal numbers that are both positive: their mean is known, (1 + rho) / (2 sqrt(2 pi) P(both positive))."""
    rho, both = 0.8, np.ones((20000, 2))
    precision = np.linalg.inv([[1, rho], [rho, 1]])
    drawn = darcy_limit.gibbs_sweeps(both, both, precision, 30, np.random.default_rng(0))
    probability = 0.25 + math.asin(rho) / (2 * math.pi)
    assert drawn.mean() == pytest.approx((1 + rho) / (2 * math.sqrt(2 * math.pi) * probability), rel=0.02)


def test_limit():
    """No recorded operator is better than the conditional mean, whose error is that which its law promises."""
    operator_table.make_files(DATA, "darcy")
    file = FieldFile(DATA / "darcy_test_43.h5")
    a, u = (file.read(name, slice(SAMPLES)).squeeze() for name in "au")
    found = np.array(darcy_limit.limits(a, u, chains=8, draws=5, burn_in=1000, thin=200, seed=0))
    error, spread = found.mean(axis=0)
    deviations = found.std(axis=0, ddof=1) / math.sqrt(SAMPLES)
    print(
        f"\nthe conditional mean is off by {error:.2e} ± {deviations[0]:.1e}; expected, the spread of the draws, {spread:.2e} ± {deviations[1]:.1e}"
    )
    assert error == pytest.approx(spread, rel=0.15)
    rows = operator_table.medians(recorded.load(RECORDED), "darcy_43", 900.0)
    assert min(row["43"] for row in rows.values()) > 0.9 * spread
