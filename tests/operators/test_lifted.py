import pytest
import torch

from operators import unit_points
from operators.lifted import LiftedOperator


class Twice(LiftedOperator):
    """Doubles the lifted field: the smallest body."""

    def __init__(self, **others):
        super().__init__(2, 3, 2, 6, **others)

    def mix(self, x):
        assert x.shape[-1] == 6
        return 2 * x


@pytest.mark.parametrize("coordinates", [True, False])
def test_every_point_is_lifted_and_projected_alike(coordinates):
    torch.manual_seed(0)
    model = Twice(coordinates=coordinates, grid=["vertices", "centres"], zero_boundary=[True, False])
    x = torch.randn(4, 2, 5, 7)
    s, t = unit_points(5, "vertices").float(), unit_points(7, "centres").float()
    for i, j in ((0, 0), (2, 3), (4, 6)):
        position = torch.stack([s[i], t[j]]).expand(4, 2)
        features = torch.cat([x[..., i, j], position], 1) if coordinates else x[..., i, j]
        expected = model.projection(2 * model.lifting(features)) * (4 * s[i] * (1 - s[i]))
        torch.testing.assert_close(model(x)[..., i, j], expected)


def test_ratios_are_those_of_the_hidden_channels():
    model = Twice(lifting_ratio=1.5, projection_ratio=3)
    sizes = [(m.in_features, m.out_features) for m in model.modules() if isinstance(m, torch.nn.Linear)]
    assert sizes == [(4, 9), (9, 6), (6, 18), (18, 3)]
    with pytest.raises(ValueError, match="projection_ratio leaves no hidden channel at width 6"):
        Twice(projection_ratio=0.1)
