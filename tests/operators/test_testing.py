"""The contract test itself: each broken promise is found."""

import pytest
import torch
from torch import nn

from operators import FNO, LSM, Operator, check_operator


class Broken(Operator):
    def __init__(self, fault="none"):
        super().__init__(1, 1, dims=1)
        self.fault = fault
        self.layer = nn.Conv1d(1, 1, 1)
        self.unused = nn.Parameter(torch.ones(1)) if fault == "unused" else None
        self.secret = torch.rand(1) if fault == "secret" else 1.0

    def operate(self, x, points):
        y = self.layer(x)
        if self.fault == "shape":
            y = y[..., 1:]
        if self.fault == "nan":
            y = y / 0 * 0
        if self.fault == "precision":
            y = y.float()
        if self.fault == "batch":
            y = y - y.mean() / 2
        if self.fault == "points":
            y = y * y.shape[-1]
        if self.fault == "positions":
            y = y * points[0]
        if self.fault == "half" and torch.is_autocast_enabled("cpu") and y.requires_grad:
            y.register_hook(lambda gradient: 1.2 * gradient)
        return y * self.secret


class AcceptsAnyGrid(Broken):
    def _check_coordinates(self, sizes, coords):
        pass


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", "output has shape"),
        ("nan", "not finite"),
        ("unused", "no gradient reaches unused"),
        ("precision", "output is torch.float32"),
        ("half", "gradient under autocast to bfloat16 differs"),
        ("secret", "rebuilt from its options|differs"),
        ("batch", "depends on the others"),
        ("points", "not one operator at all resolutions"),
        ("positions", "not equivariant to shifts along axis 0"),
    ],
)
def test_faults_are_found(fault, message):
    with pytest.raises(AssertionError, match=message):
        check_operator(lambda: Broken(fault), sizes=[(8,)], equivariant=True)


def test_a_sound_operator_passes():
    check_operator(Broken, sizes=[(8,), (9,)], equivariant=True)


def test_unchecked_coordinates_are_found():
    with pytest.raises(AssertionError, match="points are accepted by a model for half-open ones"):
        check_operator(AcceptsAnyGrid, sizes=[(8,)])


def test_a_resolution_bound_model_runs_at_its_own_size_only():
    class Bound(FNO):
        resolution_bound = "it keeps one weight for each grid point"

        def operate(self, x, points):
            assert x.shape[-1] == 8
            return super().operate(x, points)

    check_operator(lambda: Bound(1, 1, (4,), 4), sizes=[(8,), (16,)])


@pytest.mark.parametrize("dims", [1, 2])
def test_a_model_that_hides_its_resolution_is_found(dims):
    class Hidden(LSM):
        resolution_bound = None

    with pytest.raises(AssertionError, match="not one operator at all resolutions"):
        check_operator(
            lambda: Hidden(1, 1, dims=dims, width=8, heads=2, scales=2, patch=2), sizes=[(8,) * dims]
        )
