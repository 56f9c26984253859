import pytest
import torch

from pdes import Interval, Rectangle, TimeDomain


def test_space_time():
    domain = Rectangle((0, 0), (1, 2)) * TimeDomain(1, 4)
    generator = torch.Generator().manual_seed(0)
    assert domain.coords == ("x", "y", "t")
    points, normals = domain.boundary(256, generator, torch.float64)
    assert (normals[:, 2] == 0).all()
    assert (domain.space.distance(points[:, :2]).abs() < 1e-12).all()
    assert points[:, 2].mean() == pytest.approx(2.5, abs=0.05)
    initial = domain.initial(64, generator)
    assert (initial[:, 2] == 1).all()
    assert domain.space.contains(initial[:, :2]).all()


def test_times_on_the_boundary_do_not_follow_the_walls():
    domain = Interval(0, 1) * TimeDomain(0, 1)
    points, _ = domain.boundary(400, torch.Generator().manual_seed(0), torch.float64)
    for wall in (0.0, 1.0):
        times = points[points[:, 0] == wall][:, 1]
        assert len(times) == 200
        assert times.mean() == pytest.approx(0.5, abs=0.08)


def test_empty_span_is_named():
    with pytest.raises(ValueError, match="end 1 must exceed start 1"):
        TimeDomain(1, 1)
