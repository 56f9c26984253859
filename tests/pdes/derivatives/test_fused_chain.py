"""One kernel for a chain gives what its steps give one after another."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdes import native
from pdes.derivatives import activations, jet_functions
from pdes.derivatives.fused_chain import fused_chain
from pdes.derivatives.jet_functions import Chain
from pdes.derivatives.layout import Layout
from pdes.derivatives.multi_index import Combination, closure

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")
LAPLACIAN = Combination(((1.0, (0, 0)), (1.0, (1, 1))))
LAYOUTS = {
    "ragged": Layout(closure([(0, 0), (1,), LAPLACIAN]), (301, 200, 200, 5, 5)),
    "fourth order": Layout(closure([(0, 0, 0, 0), (1,)]), (30, 30, 30, 2, 2, 1)),
}
MLP = (None, activations.tanh, None, activations.tanh, None)


def chain(layout, sizes, dtype, bias=True):
    """Random rows and parameters for linear maps between these sizes."""
    torch.manual_seed(0)
    rows = torch.randn(sum(layout.counts), sizes[0], dtype=dtype, requires_grad=True)
    parameters = []
    for a, b in pairwise(sizes):
        parameters.append(torch.randn(b, a, dtype=dtype).div_(a**0.5).requires_grad_())
        parameters.append(torch.randn(b, dtype=dtype, requires_grad=True) if bias else None)
    return rows, parameters


def values_and_gradients(layout, rows, steps, parameters):
    out = Chain.apply(rows, layout, steps, *parameters)
    wanted = [t for t in (rows, *parameters) if t is not None and t.requires_grad]
    return out.detach(), *torch.autograd.grad(out, wanted, torch.cos(out.detach()))


def both(monkeypatch, layout, rows, steps, parameters):
    assert fused_chain(layout, rows.detach(), steps, parameters) is not None
    fused = values_and_gradients(layout, rows, steps, parameters)
    with monkeypatch.context() as patch:
        patch.setattr(jet_functions, "fused_chain", lambda *_: None)
        return fused, values_and_gradients(layout, rows, steps, parameters)


def assert_equal(found, expected):
    tolerance = 1e-4 if found[0].dtype == torch.float32 else 1e-12
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * float(other.abs().max()))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LAYOUTS)
def test_values_and_gradients(name, dtype, threads, monkeypatch):
    layout = LAYOUTS[name]
    rows, parameters = chain(layout, (2, 21, 50, 3), dtype)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert_equal(*both(monkeypatch, layout, rows, MLP, parameters))
    finally:
        torch.set_num_threads(before)


@settings(deadline=None, max_examples=20)
@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=4), starts=st.booleans(), bias=st.booleans())
def test_any_sizes(sizes, starts, bias):
    """With an activation at the start or a linear map, with biases or none."""
    layout = LAYOUTS["ragged"]
    rows, parameters = chain(layout, sizes, torch.float64, bias)
    steps = [activations.sigmoid] if starts else []
    for _ in sizes[1:]:
        steps += [None, activations.sigmoid]
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert_equal(*both(monkeypatch, layout, rows, tuple(steps), parameters))


def test_gradients_that_are_not_wanted():
    layout = LAYOUTS["ragged"]
    rows, parameters = chain(layout, (2, 5, 5, 1), torch.float64)
    expected = values_and_gradients(layout, rows, MLP, parameters)[2:]
    rows.requires_grad_(False)
    parameters[2].requires_grad_(False)
    found = values_and_gradients(layout, rows, MLP, parameters)[1:]
    assert len(found) == 5
    for one, other in zip(found, [g for k, g in enumerate(expected) if k != 2], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_arguments(dtype):
    """The activation saturates and NaN stays NaN."""
    layout = Layout(closure([(0,)]), (5, 5))
    rows = torch.ones(10, 1, dtype=dtype)
    rows[:5, 0] = torch.tensor([1e6, -1e6, float("inf"), float("nan"), 0.3])
    one = torch.ones(1, 1, dtype=dtype)
    value, slope = Chain.apply(rows, layout, (activations.tanh, None), one, None).view(2, 5)
    torch.testing.assert_close(value, torch.tanh(rows[:5, 0]), equal_nan=True)
    assert (slope[:3].abs() < 1e-30).all()
    assert slope[3].isnan()


def test_the_same_twice():
    """Sums over threads have a fixed order."""
    layout = LAYOUTS["ragged"]
    case = layout, *chain(layout, (2, 20, 20, 1), torch.float32)
    first, second = (values_and_gradients(layout, case[1], MLP, case[2]) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("sizes", "steps"),
    [
        ((2, 400, 1), (None, activations.tanh, None)),
        ((2, 4, 1), (None, activations.tanh, None, activations.sigmoid)),
        ((2, 4, 1), (None, activations.sin, None)),
        ((2, 4, 1), (None, None, activations.tanh)),
    ],
)
def test_what_does_not_fit(sizes, steps):
    layout = LAYOUTS["ragged"]
    rows, parameters = chain(layout, sizes, torch.float64)
    assert fused_chain(layout, rows.detach(), steps, parameters) is None
    assert Chain.apply(rows, layout, steps, *parameters).shape == (len(rows), 1)


def test_what_torch_refuses_it_says_itself():
    layout = LAYOUTS["ragged"]
    rows, parameters = chain(layout, (2, 4, 1), torch.float64)
    steps = (None, activations.tanh, None)
    with pytest.raises(RuntimeError, match="dtype"):
        Chain.apply(rows.float(), layout, steps, *parameters)
    parameters[2] = parameters[2].T
    with pytest.raises(RuntimeError, match="shapes"):
        Chain.apply(rows, layout, steps, *parameters)
