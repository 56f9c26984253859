import pytest
import torch

from pdes import native
from sciml.optim import gram
from sciml.optim.gram import gram_matrix

_COLUMNS = [0, 1, 511, 512, 513, 50_000, 150_000]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("columns", _COLUMNS)
@pytest.mark.parametrize("compiled", [True, False])
def test_exact_for_float32(columns, threads, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(gram, "_kernel", lambda _: None)
    elif native.compiler() is None:
        pytest.skip("no C++ compiler")
    rows = torch.randn(3, columns, generator=torch.Generator().manual_seed(0))
    exact = rows.double()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = gram_matrix(rows)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, exact @ exact.T, rtol=1e-12, atol=1e-12 * max(columns, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_rows_that_lie_apart(dtype):
    matrix = torch.randn(5, 40, generator=torch.Generator().manual_seed(0)).to(dtype)
    for rows in (matrix[::2, 3:30], matrix.T[:3]):
        exact = rows.double()
        torch.testing.assert_close(gram_matrix(rows), exact @ exact.T, rtol=1e-12, atol=1e-12)


def test_what_is_not_finite_stays_so():
    rows = torch.ones(2, 5)
    rows[0, 2] = float("nan")
    assert gram_matrix(rows).isnan().tolist() == [[True, True], [True, False]]
