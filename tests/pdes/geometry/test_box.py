import pytest
import torch

from pdes import Box, Interval, Rectangle


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("box", [Interval(-1, 1), Rectangle((0, -2), (3, 5)), Box("abcde", [0] * 5, [1] * 5)])
def test_samples_lie_inside_and_cover_the_box_evenly(box, generator):
    points = box.sample(512, generator, torch.float64)
    assert box.contains(points).all()
    middle = (torch.tensor(box.lower) + torch.tensor(box.upper)) / 2
    size = torch.tensor(box.upper) - torch.tensor(box.lower)
    # a random sample would miss by 1/sqrt(12 * 512) = 0.013
    assert ((points.mean(0) - middle).abs() / size < 0.005).all()


def test_boundary_points_and_normals(generator):
    box = Rectangle((0, 0), (3, 1))
    points, normals = box.boundary(800, generator, torch.float64)
    torch.testing.assert_close(box.distance(points), torch.zeros(800, dtype=torch.float64))
    assert (box.distance(points + 0.1 * normals) < 0).all()
    assert (normals.norm(dim=1) == 1).all()
    # shared out by length: 3 of 8 on each long side
    assert [int((normals == torch.tensor(n)).all(1).sum()) for n in ([-1, 0], [1, 0], [0, -1], [0, 1])] == [
        100,
        100,
        300,
        300,
    ]


def test_one_part(generator):
    points, normals = Rectangle((0, 0), (3, 1)).boundary(16, generator, part="x_max")
    assert (points[:, 0] == 3).all()
    assert (normals == torch.tensor([1.0, 0.0])).all()
    assert points[:, 1].std() > 0.1


def test_distance_outside_is_to_the_nearest_point():
    box = Rectangle((0, 0), (1, 1))
    points = torch.tensor([[0.5, 0.25], [4.0, 5.0], [0.5, -2.0]])
    torch.testing.assert_close(box.distance(points), torch.tensor([0.25, -5.0, -2.0]))


def test_the_seed_decides():
    box = Interval(0, 1)
    a, b, c = (box.sample(8, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_bad_input_is_named(generator):
    with pytest.raises(ValueError, match="coordinate 'x': upper bound 0 must exceed"):
        Interval(1, 0)
    with pytest.raises(ValueError, match="parts x_min, x_max, not 'y_min'"):
        Interval(0, 1).boundary(3, generator, part="y_min")
    with pytest.raises(ValueError, match="one lower and one upper bound"):
        Box("xy", [0], [1, 1])
