"""What all operators of spectral convolutions have in common."""

import pytest

from operators import FNO, TFNO, UNO, FactorizedFNO
from operators.testing import check_operator

OPERATORS = {
    FNO: {"layers": 2},
    FactorizedFNO: {"layers": 2},
    TFNO: {"layers": 2, "rank": 0.5},
    UNO: {"fractions": [0.5]},
}
WALLS = [
    {"basis": "sine"},
    {"basis": "cosine"},
    {"padding": 0.25},
    {"basis": ["cosine", "fourier"], "padding": [0, 0.5]},
]


@pytest.mark.parametrize("grid", ["half-open", "vertices", "centres"])
@pytest.mark.parametrize("walls", WALLS)
@pytest.mark.parametrize("operator", OPERATORS)
def test_contract_between_walls(operator, walls, grid):
    check_operator(
        lambda: operator(1, 2, (4, 5), 6, grid=grid, **walls, **OPERATORS[operator]),
        sizes=[(10, 9), (12, 13)],
    )
