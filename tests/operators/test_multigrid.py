import itertools
import math

import pytest
import torch

import operators
from operators import MultiGridPatching, Operator, check_operator, unit_points

CONVENTIONS = ["half-open", "vertices", "centres"]


class Channels(Operator):
    """Gives some of its input channels: what a patch sees becomes visible."""

    def __init__(self, in_channels, out_channels, *, first=0, dims, domain=None, grid="half-open"):
        super().__init__(in_channels, out_channels, dims=dims, domain=domain, grid=grid)
        self.first = first

    def operate(self, x, points):
        return x[:, self.first : self.first + self.out_channels]


class Bound(Channels):
    resolution_bound = "it is made for the test"


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    for kind in (Channels, Bound):
        monkeypatch.setattr(operators, kind.__name__, kind, raising=False)


def patching(channels, out_channels=None, *, first=0, **options):
    given = {"coordinates": False, **options}
    return MultiGridPatching(channels, out_channels or channels, "Channels", {"first": first}, **given)


def points_of(n, convention):
    return n + (convention == "vertices")


@pytest.mark.parametrize("grid", CONVENTIONS)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_contract(grid, dims):
    settings = {"modes": [4, 3, 4][:dims], "width": 6, "layers": 1}
    check_operator(
        lambda: MultiGridPatching(2, 3, "FNO", settings, dims=dims, grid=grid, padding=0.5),
        sizes=[[points_of(n, grid) for n in size][:dims] for size in ((8, 8, 8), (12, 16, 8))],
    )


def test_contract_of_a_tfno_on_a_mixed_domain():
    settings = {"modes": [4, 4], "width": 6, "layers": 1, "rank": 0.4}
    check_operator(
        lambda: MultiGridPatching(
            1,
            2,
            "TFNO",
            settings,
            levels=2,
            domain=[(0, 2), (-1, 1)],
            grid=["vertices", "half-open"],
            periodic=False,
            zero_boundary=[True, False],
        ),
        sizes=[(17, 16), (33, 48)],
    )


@pytest.mark.parametrize("grid", CONVENTIONS)
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize("periodic", [True, False])
def test_split_and_assembly_is_the_identity(grid, dims, levels, periodic):
    model = patching(2, dims=dims, grid=grid, levels=levels, periodic=periodic)
    x = torch.randn(3, 2, *[points_of(n, grid) for n in (16, 32, 16)][:dims])
    y = model(x)
    if grid == "vertices" and periodic:  # a single point of the circle
        for dim in range(2, x.ndim):
            x.movedim(dim, 0)[-1] = x.movedim(dim, 0)[0]
        y = model(x)
    assert torch.equal(y, x)


@pytest.mark.parametrize("grid", CONVENTIONS)
@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("cells", [32, 48])
def test_levels_see_ever_larger_surroundings(grid, level, cells):
    """On level l the patch around c sees f(c + 2ˡ(x - c)); beyond its ends the field keeps its values there."""
    model = patching(1, dims=2, grid=grid, levels=2, periodic=False, padding=0.25)
    sizes = points_of(cells, grid), points_of(2 * cells, grid)
    axes = [unit_points(n, grid) for n in sizes]
    seen = model.split((axes[0][:, None] + 10 * axes[1])[None, None], level).unflatten(0, (4, 4))[:, :, 0]
    for p, q in itertools.product(range(4), repeat=2):
        expected = []
        for n, s, patch in zip(sizes, axes, (p, q), strict=True):
            length = (n - (grid == "vertices")) // 4
            cells_inside = torch.arange(-length // 4, length + length // 4 + (grid == "vertices")).double()
            inside = s[0] + patch / 4 + cells_inside * (s[1] - s[0])
            centre = (patch + 0.5) / 4
            expected.append((centre + 2**level * (inside - centre)).clamp(s[0], s[-1]))
        torch.testing.assert_close(seen[p, q], expected[0][:, None] + 10 * expected[1])


@pytest.mark.parametrize("grid", CONVENTIONS)
def test_a_periodic_field_goes_on_beyond_its_ends(grid):
    model = patching(1, dims=1, grid=grid, levels=1, periodic=True, padding=0.5)
    s = unit_points(points_of(16, grid), grid)
    seen = model.split(torch.sin(2 * math.pi * s)[None, None], 0)[:, 0]
    inside = s[0] + torch.arange(-4, 12 + (grid == "vertices")).double() / 16
    torch.testing.assert_close(seen, torch.sin(2 * math.pi * torch.stack([inside, inside + 0.5])))


def test_half_open_axes_are_periodic_by_default():
    assert patching(1, dims=3, grid=["vertices", "half-open", "centres"]).periodic == (False, True, False)


@pytest.mark.parametrize("grid", CONVENTIONS)
def test_context_is_the_same_at_twice_the_resolution(grid):
    """The operator inside is given the same functions: at points of both grids their values agree."""
    model = patching(1, first=1, dims=1, levels=1, grid=grid, periodic=True)
    slope = patching(1, first=1, dims=1, levels=1, grid=grid, periodic=False)

    def output(model, n, f):
        s = unit_points(points_of(n, grid), grid)
        return s, model(f(s)[None, None])[0, 0]

    for n in (16, 32):  # for a linear function, exactly, away from the ends where it goes on as a constant
        s, y = output(slope, n, lambda s: s)
        centre = torch.where(s < 0.5, 0.25, 0.75)
        expected = centre + 2 * (s - centre)
        inner = (expected > s[0]) & (expected < s[-1])
        torch.testing.assert_close(y[inner], expected[inner])

    def wave(s):
        return torch.sin(2 * math.pi * s + 1)

    errors = []
    for n in (64, 128):  # for a smooth one to second order
        s, y = output(model, n, wave)
        centre = torch.where(s < 0.5, 0.25, 0.75)
        errors.append(float((y - wave(centre + 2 * (s - centre))).abs().max()))
    assert errors[1] < errors[0] / 3.5 or errors[0] < 1e-12


def test_patches_do_not_depend_on_where_they_are():
    """Without coordinates, a periodic field moved by a patch has its output moved by a patch."""
    torch.manual_seed(0)
    settings = {"modes": [4], "width": 6, "layers": 2}
    model = MultiGridPatching(1, 1, "FNO", settings, dims=1, levels=2, coordinates=False).double()
    x = torch.randn(2, 1, 32, dtype=torch.float64)
    torch.testing.assert_close(model(x.roll(8, 2)), model(x).roll(8, 2))


def test_coordinates_are_those_of_the_whole_domain():
    model = patching(1, 2, first=1, dims=2, coordinates=True, grid="centres")
    y = model(torch.randn(2, 1, 16, 8, dtype=torch.float64))
    torch.testing.assert_close(y[0, 0], unit_points(16, "centres")[:, None].expand(16, 8))
    torch.testing.assert_close(y[1, 1], unit_points(8, "centres").expand(16, 8))


def test_zero_boundary_holds_on_the_walls_of_the_domain_only():
    model = patching(1, dims=1, grid="vertices", zero_boundary=True)
    y = model(torch.ones(1, 1, 17))[0, 0]
    s = unit_points(17, "vertices").float()
    torch.testing.assert_close(y, 4 * s * (1 - s))


def test_the_operator_inside_has_the_domain_of_a_patch():
    model = patching(2, 1, dims=2, levels=1, padding=0.5, domain=[(0, 2), (-3, 1)], coordinates=True)
    assert model.model.domain == ((0, 2), (0, 4))
    assert model.model.in_channels == 2 * 2 + 2


def test_bound_to_a_resolution_where_the_operator_inside_is():
    model = MultiGridPatching(1, 1, "Bound", {}, dims=1, size=[16])
    assert model.resolution_bound == Bound.resolution_bound
    model(torch.ones(1, 1, 16))
    with pytest.raises(
        ValueError, match="input has 24 points but the model is for 16: it is made for the test"
    ):
        model(torch.ones(1, 1, 24))
    free = patching(1, dims=1, size=[16])
    assert free.resolution_bound is None
    free(torch.ones(1, 1, 24))


def test_gradients():
    torch.manual_seed(0)
    settings = {"modes": [3], "width": 3, "layers": 1}
    model = MultiGridPatching(1, 1, "FNO", settings, dims=1, padding=0.5, levels=1).double()
    x = torch.randn(1, 1, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, x, check_forward_ad=True)


@pytest.mark.parametrize(
    ("grid", "n", "message"),
    [
        (
            "half-open",
            20,
            "axis 0 has 20 points, but 4 patches with a padding of 1/4 .* a multiple of 16, such as 32",
        ),
        ("vertices", 32, "axis 0 has 32 points, .* one more than a multiple of 16, such as 33"),
    ],
)
def test_sizes_that_patches_cannot_share(grid, n, message):
    with pytest.raises(ValueError, match=message):
        patching(1, dims=1, levels=2, grid=grid)(torch.ones(1, 1, n))


def test_errors_of_the_operator_inside_name_the_patch():
    model = MultiGridPatching(1, 1, "FNO", {"modes": [16], "width": 4}, dims=1)
    with pytest.raises(
        ValueError, match=r"on patches of \(12,\) points: axis 0 has 12 points, too few for the 16"
    ):
        model(torch.ones(1, 1, 16))


@pytest.mark.parametrize(
    ("model", "settings", "options", "message"),
    [
        ("FNOO", {}, {}, "operators has no operator 'FNOO'"),
        ("MLP", {}, {}, "operators has no operator 'MLP'"),
        ("FNO", {"modes": [4, 4]}, {}, "operators.FNO does not take these settings: .*width"),
        ("FNO", {"modes": [4, 4], "width": 4, "zero_boundary": True}, {}, "walls of each patch"),
        ("Channels", {}, {"levels": -1}, r"levels \(-1\) and padding \(0.25\) must not be negative"),
        ("Channels", {}, {"periodic": [True]}, "periodic has 1 entries but the model has 2 axes"),
    ],
)
def test_wrong_arguments(model, settings, options, message):
    with pytest.raises(ValueError, match=message):
        MultiGridPatching(1, 1, model, settings, **options)
