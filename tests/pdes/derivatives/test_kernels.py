"""Compiled kernels and torch give the same."""

import pytest
import torch

from pdes import native
from pdes.derivatives import activations
from pdes.derivatives.formulas import compose, compose_backward, multiply, multiply_backward
from pdes.derivatives.kernels import run
from pdes.derivatives.layout import Layout
from pdes.derivatives.multi_index import Combination, closure

needs_compiler = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")
LAPLACIAN = Combination(((1.0, (0, 0)), (1.0, (1, 1))))
LAYOUTS = {
    "ragged": Layout(closure([(0, 0), (1,), LAPLACIAN]), (301, 200, 200, 5, 5)),
    "fourth order": Layout(closure([(0, 0, 0, 0), (1,)]), (3, 3, 3, 2, 2, 1)),
}


@pytest.fixture
def by_torch(monkeypatch):
    """`run` without kernels."""

    def run_by_torch(*args):
        with monkeypatch.context() as patch:
            patch.setattr(native, "C_TYPES", {})
            return run(*args)

    return run_by_torch


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LAYOUTS)
def test_kernels_are_the_formulas(name, dtype, threads, by_torch):
    torch.manual_seed(0)
    layout, activation = LAYOUTS[name], activations.tanh
    a, b = (torch.randn(sum(layout.counts), 7, dtype=dtype) for _ in range(2))
    bases = activation.bases(a[: layout.counts[0]], layout.order + 1)
    cases = [
        (compose, layout, [a], activation, bases),
        (compose_backward, layout, [a, b], activation, bases),
        (multiply, layout, [a, b]),
        (multiply_backward, layout, [a, b.T.contiguous().T]),
    ]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for case in cases:
            tolerance = 1e-5 if dtype == torch.float32 else 1e-12
            torch.testing.assert_close(run(*case), by_torch(*case), rtol=tolerance, atol=tolerance)
    finally:
        torch.set_num_threads(before)


def test_values_that_are_not_finite_stay_so():
    layout = LAYOUTS["ragged"]
    rows = torch.randn(sum(layout.counts), 2)
    rows[0, 0], rows[1, 1] = float("nan"), float("inf")
    found = run(compose, layout, [rows], activations.exp, activations.exp.bases(rows[:301], 3))
    assert found[0, 0].isnan()
    assert found[1, 1].isinf()


def test_other_types_are_left_to_torch():
    layout = Layout(closure([(0, 0)]), (4, 4, 4))
    rows = torch.randn(12, 3).to(torch.bfloat16)
    assert run(multiply, layout, [rows, rows]).dtype == torch.bfloat16
