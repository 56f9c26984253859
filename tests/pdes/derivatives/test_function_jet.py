import logging

import pytest
import torch

from pdes.derivatives import function_jet as module
from pdes.derivatives.function_jet import function_jet
from pdes.derivatives.layout import Layout
from pdes.derivatives.multi_index import Combination, closure

# derivatives by x and y, held at fewer points the further down the list
LAPLACIAN = Combination(((1.0, (0, 0)), (2.0, (1, 1))))
LAYOUTS = {
    "order 4": Layout(closure([(0, 0, 1, 1)]), (7,) * len(closure([(0, 0, 1, 1)]))),
    "fewer points": Layout(closure([(0, 0), (1,)]), (7, 7, 5, 3)),
    "combination": Layout(closure([LAPLACIAN]), (7,) * len(closure([LAPLACIAN]))),
}


def columns(z):
    x, y = z.unbind(1)
    return torch.stack(
        [torch.exp(x) * torch.sin(2 * y) / (2 + x), torch.square(z).sum(1) + torch.full_like(y, 3)], 1
    )


def piecewise(z):
    """Jets do not know where."""
    x, y = z[:, 0], z[:, 1]
    return torch.where(x > 0.5, x**3 * y, y**2)[:, None]


def nested(function, z, layout):
    return module._nested(function, z, layout).rows


@pytest.mark.parametrize("function", [columns, piecewise])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_equal_to_automatic_differentiation(function, layout):
    z = torch.rand(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = function_jet(function, z, layout).rows
    torch.testing.assert_close(found, nested(function, z, layout), rtol=1e-12, atol=1e-12)


def test_automatic_differentiation_only_where_jets_stop(monkeypatch):
    z = torch.rand(7, 2, dtype=torch.float64)
    monkeypatch.setattr(module, "_nested", lambda *_: "automatic differentiation")
    layout = LAYOUTS["order 4"]
    assert function_jet(columns, z, layout) != "automatic differentiation"
    for function in (piecewise, lambda _: torch.ones(len(z), 1)):
        assert function_jet(function, z, layout) == "automatic differentiation"


def test_the_log_says_once_why_automatic_differentiation_serves(caplog):
    def kink(z):
        return torch.where(z[:, :1] > 0, z[:, 1:], z[:, :1])

    with caplog.at_level(logging.INFO):
        function_jet(columns, torch.rand(7, 2), LAYOUTS["order 4"])
        assert not caplog.records
        for _ in range(2):
            function_jet(kink, torch.rand(7, 2), LAYOUTS["order 4"])
    (record,) = caplog.records
    assert "kink: derivatives by automatic differentiation" in record.getMessage()
    assert "'Jet'" in record.getMessage()


def test_the_dtype_is_that_of_the_points():
    z = torch.rand(7, 2)
    weight = torch.tensor([2.0], dtype=torch.float64)
    assert function_jet(lambda p: p[:, :1] * weight, z, LAYOUTS["order 4"]).rows.dtype == torch.float32
