import itertools
import math

import pytest
import torch

from pdes import Axis, Grid
from sciml.data import FieldKind, Symmetries
from sciml.data.symmetry import Orthogonal, orthogonal_group

SCALAR, VECTOR, TENSOR, VORTICITY = FieldKind(), FieldKind(1), FieldKind(2), FieldKind(pseudo=True)


def matrix(q):
    m = torch.zeros(len(q.axes), len(q.axes), dtype=torch.float64)
    for i, (axis, sign) in enumerate(zip(q.axes, q.signs, strict=True)):
        m[i, axis] = sign
    return m


@pytest.mark.parametrize(
    ("dims", "names", "order"),
    [
        (1, ["reflections"], 2),
        (2, ["reflections"], 4),
        (2, ["rotations"], 4),
        (2, ["permutations"], 2),
        (2, ["rotations", "permutations"], 8),
        (2, ["reflections", "permutations"], 8),
        (3, ["reflections"], 8),
        (3, ["rotations"], 24),
        (3, ["permutations"], 6),
        (3, ["reflections", "rotations"], 48),
        (2, ["translations"], 1),
    ],
)
def test_groups_of_the_square_and_the_cube(dims, names, order):
    group = orthogonal_group(dims, names)
    assert len(group) == len(set(group)) == order
    for p, q in itertools.product(group, repeat=2):
        assert q.after(p) in group
        assert torch.equal(matrix(q.after(p)), matrix(q) @ matrix(p))
    for q in group:
        assert q.determinant == round(float(torch.linalg.det(matrix(q))))


def grid_of(convention, periodic, n=6, dims=2):
    return Grid(Axis(name, n, -1.0, 1.0, convention=convention, periodic=periodic) for name in "xyz"[:dims])


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    ("convention", "periodic"),
    [("half-open", True), ("vertices", False), ("centres", False), ("centres", True)],
)
def test_fields_are_those_of_the_moved_points(convention, periodic, dims):
    """(T f)(x) = Q f(Q⁻¹ x), on a box around the origin, with functions that have no symmetry of their own."""
    grid = grid_of(convention, periodic, dims=dims)
    mesh = torch.stack(grid.mesh())

    def functions(x):
        phases = torch.arange(1.0, dims + 1, dtype=x.dtype).view(-1, *[1] * dims)
        scalar = torch.sin(math.pi * (x + 0.3 * phases)).prod(0, keepdim=True) + torch.cos(math.pi * x[:1])
        vector = torch.cos(math.pi * (x - 0.2 * phases)) * phases + scalar
        tensor = (vector[:, None] * (vector * phases)[None]).flatten(0, 1)
        return scalar, vector, tensor

    kinds = [SCALAR, VECTOR, VORTICITY, FieldKind(2, copies=2)]
    symmetries = Symmetries(["reflections"], grid, kinds, [SCALAR])
    names = ["reflections"] if dims == 1 else ["reflections", "permutations"]
    scalar, vector, tensor = functions(mesh)
    for q in orthogonal_group(dims, names):
        Q = matrix(q)
        s, v, t = functions(torch.einsum("ji,j...->i...", Q, mesh))
        expected = [
            s,
            torch.einsum("ij,j...->i...", Q, v),
            q.determinant * s,
            *[torch.einsum("ik,jl,kl...->ij...", Q, Q, t.unflatten(0, (dims, dims))).flatten(0, 1)] * 2,
        ]
        found = symmetries.act(torch.cat([scalar, vector, scalar, tensor, tensor]), kinds, q, [])
        torch.testing.assert_close(found, torch.cat(expected), rtol=0, atol=1e-12)


def test_derivatives_follow_their_fields():
    """The gradient of a moved scalar is the moved gradient, and the curl of a moved vector the moved pseudoscalar."""
    grid = grid_of("half-open", True, n=8)
    generator = torch.Generator().manual_seed(0)
    wave = torch.fft.fftfreq(8, 1 / 8, dtype=torch.float64).abs() < 3
    u, v, w = torch.fft.ifft2(
        torch.fft.fft2(torch.randn(3, 8, 8, generator=generator, dtype=torch.float64)) * wave[:, None] * wave
    ).real

    def d(field, axis):
        k = torch.fft.fftfreq(8, 1 / 8, dtype=torch.float64) * math.pi
        spectrum = torch.fft.fft(field, dim=axis - 2) * 1j * (k if axis else k[:, None])
        return torch.fft.ifft(spectrum, dim=axis - 2).real

    def derived(fields):
        u, v, w = fields
        return torch.stack([d(u, 0), d(u, 1), d(w, 0) - d(v, 1)])

    fields, kinds, of_derived = torch.stack([u, v, w]), [SCALAR, VECTOR], [VECTOR, VORTICITY]
    symmetries = Symmetries(["rotations", "reflections", "translations"], grid, kinds, of_derived)
    for q in orthogonal_group(2, ["rotations", "reflections"]):
        moved = symmetries.act(fields, kinds, q, [3, 5])
        torch.testing.assert_close(derived(moved), symmetries.act(derived(fields), of_derived, q, [3, 5]))


def test_every_symmetry_is_drawn_and_pairs_stay_pairs():
    grid = grid_of("vertices", False, n=4)
    symmetries = Symmetries(["reflections", "permutations"], grid, [SCALAR], [SCALAR])
    one = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0)).expand(400, 1, 4, 4)
    x, y = symmetries.draw(one, 2 * one, torch.Generator().manual_seed(1))
    assert torch.equal(y, 2 * x)
    counts = torch.unique(x, dim=0, return_counts=True)[1]
    assert len(counts) == 8
    assert counts.min() > 25
    assert torch.equal(x, symmetries.draw(one, one, torch.Generator().manual_seed(1))[0])
    assert not torch.equal(x, symmetries.draw(one, one, torch.Generator().manual_seed(2))[0])


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_inverses(dims):
    grid = Grid([Axis(name, 4, convention="vertices") for name in "xyz"[:dims]])
    kinds = [SCALAR, VECTOR, VORTICITY]
    symmetries = Symmetries(["reflections"], grid, kinds, kinds)
    field = torch.randn(2, 2 + dims, *[4] * dims, generator=torch.Generator().manual_seed(0))
    for q in orthogonal_group(dims, ["reflections", "permutations"] if dims > 1 else ["reflections"]):
        moved = symmetries.act(field, kinds, q)
        assert torch.equal(symmetries.act(moved, kinds, q.inverse), field)
        alone = torch.stack([symmetries.act(sample, kinds, q) for sample in field])
        assert torch.equal(moved, alone)


def test_averages_have_the_symmetries():
    """Of any operator that sees the coordinates, from a scalar to a vector; an operator that has them is left as it is."""
    grid = grid_of("vertices", False, n=6)
    names, kinds = ["reflections", "permutations"], ([SCALAR], [VECTOR])
    symmetries = Symmetries(names, grid, *kinds)
    coords = [torch.linspace(0, 1, n, dtype=torch.float64) for n in (6, 9)]  # on a grid that is not square
    x = torch.randn(2, 1, 6, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def any_operator(x, coords):
        first, second = coords
        return torch.cat([x * first[:, None] ** 2 + second, x.cumsum(2)], 1)

    def gradient(x, coords):
        return torch.cat(
            [torch.gradient(x, dim=d, spacing=(c,))[0] for d, c in zip((2, 3), coords, strict=True)], 1
        )

    mean = symmetries.averaged(any_operator, x, coords)
    for q in orthogonal_group(2, names):
        moved = [coords[axis] for axis in q.axes]
        of_moved = symmetries.averaged(any_operator, symmetries.act(x, kinds[0], q), moved)
        torch.testing.assert_close(of_moved, symmetries.act(mean, kinds[1], q))
    assert (mean - any_operator(x, coords)).norm() > mean.norm()
    torch.testing.assert_close(symmetries.averaged(gradient, x, coords), gradient(x, coords))


def test_translations_move_periodic_axes_only():
    grid = Grid([Axis("x", 5, periodic=True), Axis("y", 4, convention="vertices")])
    symmetries = Symmetries(["translations"], grid, [SCALAR], [SCALAR])
    field = torch.arange(20.0).view(1, 1, 5, 4).expand(300, 1, 5, 4)
    x, _ = symmetries.draw(field, field, torch.Generator().manual_seed(0))
    found = torch.unique(x[:, 0], dim=0)
    expected = torch.unique(torch.stack([field[0, 0].roll(k, 0) for k in range(5)]), dim=0)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("names", "grid", "message"),
    [
        (["mirrors"], grid_of("vertices", False), "unknown 'mirrors'; choose among reflections, rotations"),
        (["rotations"], grid_of("vertices", False, dims=1), "rotations need two axes or more"),
        (
            ["permutations"],
            Grid([Axis("x", 4, convention="vertices"), Axis("y", 5, convention="vertices")]),
            "need equal axes",
        ),
        (["rotations"], grid_of("half-open", False), "half-open points of axis 'x'"),
        (["translations"], grid_of("vertices", False), "translations need a periodic axis"),
    ],
)
def test_what_a_grid_does_not_have_is_refused(names, grid, message):
    with pytest.raises(ValueError, match=message):
        Symmetries(names, grid, [SCALAR], [SCALAR])


def test_kinds_must_fit_the_channels():
    symmetries = Symmetries(["reflections"], grid_of("vertices", False), [VECTOR], [SCALAR])
    with pytest.raises(ValueError, match="describe 2 channels, the field has 1"):
        symmetries.act(torch.zeros(1, 6, 6), [VECTOR], Orthogonal((0, 1), (-1, 1)), [])
