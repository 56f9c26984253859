import copy

import pytest
import torch

from pdes.benchmarks import burgers_shock
from sciml.tasks.points import CollocationPoints

PROBLEM = burgers_shock()


def points(**options):
    return CollocationPoints(PROBLEM, dtype=torch.float64, **{"interior": 64, "resample_every": 5, **options})


def size_one(z):
    return torch.ones_like(z[:, 0])


def front(z):
    """A residual that is large for |x| < 0.1, a tenth of the domain."""
    return torch.where(z[:, 0].abs() < 0.1, 100.0, 0.01).to(z.dtype)


def in_front(z):
    return float((z[:, 0].abs() < 0.1).double().mean())


def worse_at(fresh):
    """A residual that is ``fresh`` times larger at points that are not those in ``known``."""
    known = []

    def size(z):
        return torch.full_like(z[:, 0], 1.0 if any(torch.equal(z, k) for k in known) else fresh)

    return known, size


def test_points_stay_between_draws_and_change_with_them():
    p = points()
    first = p.at(0, size_one)
    assert p.at(4, size_one) is first
    second = p.at(5, size_one)
    assert second is not first
    assert not torch.equal(second["interior"], first["interior"])
    assert second["interior"].shape == (64, 2)
    assert second["boundary"].shape == (200, 2)


def test_the_first_points_are_even_and_later_ones_are_where_the_residual_is_large():
    p = points(interior=1000, adaptive=1.0)
    assert in_front(p.at(0, front)["interior"]) == pytest.approx(0.1, abs=0.02)
    # |r| / mean|r| + 1 is 11 in the front and 1 elsewhere: of all candidates' weight 11 in 20 is there, but candidates
    # are drawn once each, and there are 4 for each point
    assert 0.3 < in_front(p.at(5, front)["interior"]) < 0.6


def test_points_depend_on_seed_and_step_alone():
    a, b, c = points(adaptive=0.5), points(adaptive=0.5), points(adaptive=0.5, seed=1)
    for p in (a, b, c):
        p.at(0, front)
    a.at(5, front)
    assert torch.equal(a.at(10, front)["interior"], b.at(10, front)["interior"])
    assert not torch.equal(a.at(10, front)["interior"], c.at(10, front)["interior"])


def test_points_that_stand_for_the_domain_stay():
    known, size = worse_at(2.0)
    p = points(redraw_above=5.0, interior_max=1000)
    first = p.at(0, size)
    known.append(first["interior"])
    # mean squares are in the ratio 4
    assert p.at(5, size) is first
    q = points(redraw_above=3.0, interior_max=1000)
    known.append(q.at(0, size)["interior"])
    assert len(q.at(5, size)["interior"]) == 128


def test_held_out_points_are_other_points_of_the_same_distribution():
    p = points(interior=1000, redraw_above=1.0, adaptive=1.0)
    p.at(0, front)
    noise = torch.Generator().manual_seed(0)
    training = p.at(5, lambda z: front(z) * torch.rand(len(z), generator=noise).double())["interior"]
    held_out = p.state_dict()["held_out"]
    assert held_out.shape == training.shape
    assert not (held_out[:, None] == training).all(2).any()
    assert in_front(held_out) == pytest.approx(in_front(training), abs=0.07)


def test_points_double_up_to_the_maximum_and_those_of_conditions_with_them():
    p = points(interior_max=300, conditions={"initial": 10})
    counts = [(len(b["interior"]), len(b["initial"])) for b in (p.at(5 * k, size_one) for k in range(5))]
    assert counts == [(64, 10), (128, 20), (256, 40), (256, 40), (256, 40)]


@pytest.mark.parametrize("resample_every", [0, 5])
@pytest.mark.parametrize("interior_max", [None, 50, 128, 300])
def test_the_largest_points_are_as_many_as_there_come_to_be(interior_max, resample_every):
    options = {"interior_max": interior_max, "resample_every": resample_every}
    p, undisturbed = points(**options), points(**options)
    largest = p.largest()
    for step in range(0, 30, 5):
        reached = p.at(step, size_one)
        assert all(torch.equal(reached[k], v) for k, v in undisturbed.at(step, size_one).items())
    assert {k: v.shape for k, v in largest.items()} == {k: v.shape for k, v in reached.items()}


def test_resumed_points_are_those_of_an_uninterrupted_run():
    options = {"adaptive": 0.5, "interior_max": 500, "redraw_above": 1e-9}
    whole, resumed = points(**options), points(**options)
    for step in (0, 5, 10):
        whole.at(step, front)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for step in (12, 15, 20):
        a, b = whole.at(step, front), resumed.at(step, front)
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert len(a["interior"]) == 256


def test_points_without_resampling_stay():
    p = points(resample_every=0)
    assert p.at(0, size_one) is p.at(10**6, size_one)


def test_an_unknown_condition_is_named():
    with pytest.raises(
        ValueError, match=r"points\.conditions names walls; burgers_shock has boundary, initial"
    ):
        points(conditions={"walls": 3})


def test_points_stay_after_a_share_of_the_training():
    p = points(resample_until=0.5)
    first = p.at(0, size_one, 0.0)
    second = p.at(5, size_one, 0.5)
    assert second is not first
    assert p.at(10, size_one, 0.51) is second
    assert points(resample_until=0.0).at(5, size_one, 0.3)["interior"].shape == (64, 2)
