import copy
import itertools

import pytest
import torch

from operators import MLP
from pdes.benchmarks import burgers_shock
from sciml.optim import LevenbergMarquardt, SketchedGaussNewton
from sciml.optim.sketch import RowSketch
from sciml.tasks import PinnTask


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def matrix(sketch, rows):
    return sketch(torch.eye(rows, dtype=torch.float64))


def test_each_residual_is_in_one_row_with_a_sign_and_rows_are_equally_long():
    S = matrix(RowSketch(103, 10, generator()), 103)
    assert S.shape == (10, 103)
    assert torch.equal(S.abs().sum(0), torch.ones(103).double())
    assert set(S.abs().sum(1).tolist()) == {10.0, 11.0}


def test_a_sketch_keeps_squares_on_average():
    torch.manual_seed(0)
    r = torch.randn(60, dtype=torch.float64)
    mean = sum(RowSketch(60, 12, generator(k))(r).square().sum() for k in range(500)) / 500
    assert float(mean) == pytest.approx(float(r.square().sum()), rel=0.05)


def test_parts_add_up():
    S, A = RowSketch(9, 4, generator()), torch.randn(9, 5, dtype=torch.float64)
    torch.testing.assert_close(S.part(0, 3)(A[:3]) + S.part(3, 9)(A[3:]), S(A))


def pinn():
    torch.manual_seed(0)
    network = MLP(2, 1, width=5, depth=2, lower=[-1, 0], upper=[1, 1]).double()
    task = PinnTask(
        burgers_shock(), interior=30, conditions={"boundary": 6, "initial": 6}, dtype=torch.float64
    )
    return task, network, list(network.parameters())


def test_the_sketched_jacobian_of_a_pinn_is_the_sketch_of_its_jacobian():
    task, network, parameters = pinn()
    batch = task.batch(0, network)
    S = RowSketch(42, 7, generator())
    sketched = task.least_squares(network, batch, parameters, jacobian=S)
    whole = task.least_squares(network, batch, parameters, jacobian=True)
    J = torch.cat([j for _, j in whole.values()])
    torch.testing.assert_close(sum(j for _, j in sketched.values()), S(J))


def linear(seed=0, rows=200, columns=5):
    torch.manual_seed(seed)
    A = torch.randn(rows, columns, dtype=torch.float64)
    b = A @ torch.arange(columns).double()
    p = torch.nn.Parameter(torch.zeros(columns, dtype=torch.float64))

    def linearise(jacobian):
        J = {True: A.clone(), False: None}[jacobian] if isinstance(jacobian, bool) else jacobian(A)
        return A @ p.detach() - b, J

    return p, linearise


def test_a_consistent_linear_system_is_solved_from_few_sums():
    p, linearise = linear()
    optimizer = SketchedGaussNewton([p], sketch=20, damping=1e-10)
    for _ in range(5):
        optimizer.step(linearise)
    torch.testing.assert_close(p.detach(), torch.arange(5).double(), rtol=1e-8, atol=1e-8)


def test_a_sketch_of_all_rows_is_levenberg_marquardt():
    (p, f), (q, g) = linear(), linear()
    SketchedGaussNewton([p], sketch=200).step(f)
    LevenbergMarquardt([q]).step(g)
    assert torch.equal(p, q)


def test_the_sum_of_all_squares_never_rises():
    task, network, parameters = pinn()
    batch = task.batch(0, network)
    optimizer = SketchedGaussNewton(parameters, sketch=10, momentum=0.5)

    def linearise(jacobian):
        parts = task.least_squares(network, batch, parameters, jacobian=jacobian).values()
        J = [j for _, j in parts if j is not None]
        return torch.cat([r for r, _ in parts]), (
            sum(J) if isinstance(jacobian, RowSketch) else torch.cat(J)
        ) if J else None

    costs = [optimizer.step(linearise) for _ in range(25)]
    assert all(after <= before for before, after in itertools.pairwise(costs))
    assert costs[-1] < 0.5 * costs[0]


def test_resumes_bit_for_bit():
    (p, f), (q, g) = linear(), linear()
    first, second = (SketchedGaussNewton([x], sketch=8, damping=1.0, momentum=0.3) for x in (p, q))
    for _ in range(2):
        first.step(f)
    with torch.no_grad():
        q.copy_(p)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for _ in range(2):
        first.step(f)
        second.step(g)
    assert torch.equal(p, q)


def test_memory_is_that_of_the_sketch():
    p, linearise = linear(rows=1000, columns=50)
    with pytest.raises(ValueError, match="use SketchedGaussNewton"):
        LevenbergMarquardt([p], memory=2e5).step(linearise)
    SketchedGaussNewton([p], sketch=20, memory=2e5).step(linearise)
    with pytest.raises(ValueError, match="use a smaller sketch"):
        SketchedGaussNewton([p], sketch=500, memory=2e5).step(linearise)


def test_a_sketch_has_rows():
    with pytest.raises(ValueError, match="sketch must be at least 1, not 0"):
        SketchedGaussNewton([torch.nn.Parameter(torch.zeros(1))], sketch=0)
