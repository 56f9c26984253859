import torch

from operators import MLP
from pdes import Burgers, Heat
from pdes.derivatives.multi_index import closure
from pdes.derivatives.plan import JetPlan
from pdes.jet_pass import JetPass, PassLayout
from pdes.residual import point_state

POINTS = [torch.rand(n, 2, dtype=torch.float64) for n in (4, 7, 3)]
PLANS = [JetPlan(closure(indices)) for indices in ([], [(0, 0), (1,)], [(0,)])]


def together(pde):
    layout = PassLayout(pde, [(len(points), plan) for points, plan in zip(POINTS, PLANS, strict=True)])
    # values at 14 points, u_x at 10, u_t and u_xx at 7
    assert layout.rows == 14 + 10 + 7 + 7
    return JetPass(pde, layout, POINTS, {})


def network(fields=1):
    torch.manual_seed(0)
    return MLP(2, fields, width=6, depth=2).double()


def test_one_pass_gives_what_each_set_would_get():
    model = network()
    for (state, d), points, asked in zip(
        together(Burgers()).states(model), POINTS, ([], ["t", "x", "xx"], ["x"]), strict=True
    ):
        expected, by_autograd = point_state(Burgers(), model, points)
        torch.testing.assert_close(state.u, expected.u)
        torch.testing.assert_close(state.x, points[:, 0])
        for axes in asked:
            torch.testing.assert_close(d(state.u, axes), by_autograd(expected.u, axes))


def test_gradients_of_a_shared_pass():
    model = network()
    parameters = list(model.parameters())
    (a, _), (b, d), _ = together(Heat()).states(model)
    shared = (a.u**2).sum() + (b.u * d(b.u, "xx")).sum()
    (p, _), (q, f), _ = (point_state(Heat(), model, points) for points in POINTS)
    alone = (p.u**2).sum() + (q.u * f(q.u, "xx")).sum()
    for ours, theirs in zip(*(torch.autograd.grad(v, parameters) for v in (shared, alone)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
