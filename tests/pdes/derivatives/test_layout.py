import torch

from pdes.derivatives.layout import Layout, Segment
from pdes.derivatives.multi_index import Combination, closure

LAPLACIAN = Combination(((1.0, (0, 0)), (1.0, (1, 1))))
INDICES = closure([(0, 0), (1,), LAPLACIAN])


def test_derivatives_held_at_different_points():
    layout = Layout(INDICES, (7, 5, 5, 3, 2))
    rows = torch.arange(22.0)[:, None]
    assert [len(part) for part in layout.split(rows)] == [7, 5, 5, 3, 2]
    assert layout.offsets == (0, 7, 12, 17, 20)
    assert layout.segments == (
        Segment(0, 2, (0, 1, 2, 3, 4)),
        Segment(2, 3, (0, 1, 2, 3)),
        Segment(3, 5, (0, 1, 2)),
        Segment(5, 7, (0,)),
    )
    assert not layout.uniform
    assert Layout(INDICES, (7,) * 5).segments == (Segment(0, 7, (0, 1, 2, 3, 4)),)


def test_rules_by_place():
    layout = Layout(INDICES, (1,) * 5)
    assert [set(terms) for terms in layout.composition] == [
        set(),
        {(1, (1,))},
        {(1, (2,))},
        {(1, (3,)), (1, (1, 1))},
        {(1, (4,)), (1, (1, 1)), (1, (2, 2))},
    ]
    assert set(layout.product[4]) == {(1, 0, 4), (1, 4, 0), (2, 1, 1), (2, 2, 2)}
    assert layout.order == 2
