"""The contract test itself: each broken promise is found."""

import pytest
import torch
from torch import nn

from operators import CoordinateNetwork, check_coordinate_network

UNSEEDED = torch.Generator()


class Broken(CoordinateNetwork):
    def __init__(self, fault="none", **others):
        super().__init__(2, 1, **others)
        self.fault = fault
        self.layer = nn.Linear(len(self.feature_axes), 1)
        self.unused = nn.Parameter(torch.ones(1)) if fault == "unused" else None
        self.secret = torch.rand(1) if fault == "secret" else 1.0
        if fault == "seed":
            nn.init.normal_(self.layer.weight, generator=UNSEEDED)

    def forward(self, points):
        if self.fault == "bounds":
            return super().forward(points) + points[:, :1]
        return super().forward(points)

    def network(self, z):
        y = self.layer(z * z)
        if self.fault == "shape":
            y = y[:, 0]
        if self.fault == "nan":
            y = y / 0 * 0
        if self.fault == "precision":
            y = y.float()
        if self.fault == "points":
            y = y - 0.5 * y.mean()
        if self.fault == "kink":
            y = y + z.detach()[:, :1] * z[:, :1]
        return y * self.secret


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", "output has shape"),
        ("nan", "not finite"),
        ("unused", "no gradient reaches unused"),
        ("precision", "output is torch.float32"),
        ("secret", "rebuilt from its options|differs"),
        ("points", "depends on the others"),
        ("seed", "the seed does not determine the initial weights"),
        ("bounds", "does not follow its bounds"),
        ("kink", "first derivatives differ from finite differences"),
    ],
)
def test_faults_are_found(fault, message):
    with pytest.raises(AssertionError, match=message):
        check_coordinate_network(lambda: Broken(fault, lower=[0, 0], upper=[1, 2]))


def test_a_sound_network_passes():
    check_coordinate_network(Broken)
    check_coordinate_network(lambda: Broken(lower=[0, 0], upper=[1, 2], periodic=[1]))


def test_a_gap_between_the_ends_of_a_period_is_found():
    class Gap(Broken):
        def forward(self, points):
            return super().forward(points) + (points - self.lower)[:, :1] / (self.upper - self.lower)[0]

    with pytest.raises(AssertionError, match="not periodic in coordinate 0"):
        check_coordinate_network(lambda: Gap(lower=[0, 0], upper=[1, 2], periodic=[0]))
