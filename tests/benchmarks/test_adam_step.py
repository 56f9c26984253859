"""One step of Adam against DeepXDE's, on the same problem with the same network and numbers of points. Run by `make bench-pinn`.

Ours is the trainer's whole step, DeepXDE's is what its `Model.train` does between two batches. Steps of both are taken in
turn; times are medians. The memory is the largest that tensors take at once in a step, beyond what is there before it.
"""

import math
import os
import statistics
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from measure import peak_memory

import pdes.benchmarks
from operators import MLP
from sciml.config import Stage, TrainConfig
from sciml.optim import WeightedSum
from sciml.tasks import PinnTask
from sciml.train import RunFolder, Trainer

os.environ.setdefault("DDE_BACKEND", "pytorch")
dde = pytest.importorskip("deepxde", reason="pip install -e .[bench]")
deepxde_peer = pytest.importorskip("deepxde_peer")

pytestmark = [pytest.mark.bench]
ROUNDS, STEPS = 12, 10


def burgers():
    """DeepXDE's own set-up of the Burgers shock."""
    points = {"interior": 2540, "conditions": {"boundary": 80, "initial": 160}}
    return pdes.benchmarks.burgers_shock(), points, deepxde_peer.burgers_shock_data(), (20, 3)


def kovasznay():
    """DeepXDE's own set-up of Kovasznay flow; 114 of its boundary points lie on the outflow side."""
    rate = 20 - math.sqrt(400 + 4 * math.pi**2)
    domain = dde.geometry.Rectangle([-0.5, -0.5], [1, 1.5])

    def residual(z, fields):
        u, v = fields[:, 0:1], fields[:, 1:2]

        def by(i, j):
            return dde.grad.jacobian(fields, z, i=i, j=j)

        def laplacian(i):
            return sum(dde.grad.hessian(fields, z, component=i, i=j, j=j) for j in (0, 1))

        return [
            u * by(0, 0) + v * by(0, 1) + by(2, 0) - laplacian(0) / 40,
            u * by(1, 0) + v * by(1, 1) + by(2, 1) - laplacian(1) / 40,
            by(0, 0) + by(1, 1),
        ]

    exact = [
        lambda z: 1 - np.exp(rate * z[:, 0:1]) * np.cos(2 * np.pi * z[:, 1:2]),
        lambda z: rate / (2 * np.pi) * np.exp(rate * z[:, 0:1]) * np.sin(2 * np.pi * z[:, 1:2]),
        lambda z: (1 - np.exp(2 * rate * z[:, 0:1])) / 2,
    ]
    where = [lambda _, on: on, lambda _, on: on, lambda z, on: on and np.isclose(z[0], 1)]
    conditions = [dde.icbc.DirichletBC(domain, exact[i], where[i], component=i) for i in range(3)]
    data = dde.data.PDE(domain, residual, conditions, num_domain=2601, num_boundary=400)
    counts = {"u_boundary": 400, "v_boundary": 400, "p_outflow": 114}
    return pdes.benchmarks.kovasznay(), {"interior": 2601, "conditions": counts}, data, (50, 4)


def kuramoto_sivashinsky():
    """Periodic values and slopes; DeepXDE has no periodic conditions of higher order, so ours are left out here too."""
    pde = (problem := pdes.benchmarks.kuramoto_sivashinsky()).pde
    domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 2 * np.pi), dde.geometry.TimeDomain(0, 0.2))

    def residual(z, u):
        u_x, u_t = (dde.grad.jacobian(u, z, i=0, j=j) for j in (0, 1))
        u_xx = dde.grad.hessian(u, z, i=0, j=0)
        u_xxxx = dde.grad.hessian(u_xx, z, i=0, j=0)
        return u_t + pde.alpha * u * u_x + pde.beta * u_xx + pde.gamma * u_xxxx

    conditions = [
        *(dde.icbc.PeriodicBC(domain, 0, lambda _, on: on, derivative_order=k) for k in (0, 1)),
        dde.icbc.IC(domain, lambda z: np.cos(z[:, 0:1]) * (1 + np.sin(z[:, 0:1])), lambda _, on: on),
    ]
    data = dde.data.TimePDE(domain, residual, conditions, num_domain=2540, num_boundary=80, num_initial=160)
    kept = ("u_initial", "u_periodic", "u_x_periodic")
    problem = replace(problem, conditions=tuple(c for c in problem.conditions if c.name in kept))
    counts = {"u_initial": 160, "u_periodic": 80, "u_x_periodic": 80}
    return problem, {"interior": 2540, "conditions": counts}, data, (20, 3)


class Clock(dde.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.times = []

    def on_batch_begin(self):
        self.start = time.perf_counter()

    def on_batch_end(self):
        self.times.append(time.perf_counter() - self.start)


class Theirs:
    def __init__(self, data, inputs, outputs, width, depth):
        network = dde.nn.FNN([inputs, *[width] * depth, outputs], "tanh", "Glorot normal")
        self.model = dde.Model(data, network)
        self.model.compile("adam", lr=1e-3, verbose=0)

    def steps(self, number):
        clock = Clock()
        # the last one is followed by a test
        self.model.train(iterations=number + 1, display_every=10**9, verbose=0, callbacks=[clock])
        return clock.times[:-1]

    def step(self):
        state = self.model.train_state
        self.model._train_step(state.X_train, state.y_train, state.train_aux_vars)


class TimedTask(PinnTask):
    """Notes when the trainer asks for a batch, which it does once a step."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.asked = []

    def batch(self, step, model):
        self.asked.append(time.perf_counter())
        return super().batch(step, model)


class Ours:
    def __init__(self, folder, problem, points, width, depth):
        self.task = TimedTask(replace(problem, reference=None), **points)
        pde, domain = problem.pde, problem.domain
        torch.manual_seed(0)
        network = MLP(
            len(pde.coords),
            len(pde.fields),
            width=width,
            depth=depth,
            lower=domain.lower,
            upper=domain.upper,
        )
        config = TrainConfig(
            stages=[Stage("Adam", steps=10**9, options={"lr": 1e-3})], log_every=10**9, checkpoint_seconds=1e9
        )
        self.trainer = Trainer(self.task, network, config, [WeightedSum()], RunFolder(folder))
        self.trainer.rehearse()

    def steps(self, number):
        self.task.asked = []
        for _ in range(number + 1):
            self.step()
        return [after - before for before, after in zip(self.task.asked, self.task.asked[1:], strict=False)]

    def step(self):
        self.trainer._train_step()


@pytest.mark.parametrize("threads", [2, 1])
@pytest.mark.parametrize(
    ("make", "most"), [(burgers, 1 / 2), (kovasznay, 1 / 3), (kuramoto_sivashinsky, 1 / 3)]
)
def test_adam_step(make, most, threads, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    dde.config.set_default_float("float32")
    try:
        problem, points, data, sizes = make()
        ours = Ours(tmp_path / "run", problem, points, *sizes)
        theirs = Theirs(data, len(problem.pde.coords), len(problem.pde.fields), *sizes)
        times = {"ours": [], "theirs": []}
        for turn in range(ROUNDS + 1):
            for name, which in (("theirs", theirs), ("ours", ours)):
                found = which.steps(STEPS)
                times[name] += found if turn else []
        memory = {"ours": peak_memory(ours.step), "theirs": peak_memory(theirs.step)}
    finally:
        torch.set_num_threads(before)
    mine, peer = (1e3 * statistics.median(times[name]) for name in ("ours", "theirs"))
    print(
        f"\nAdam step, {problem.name}, {threads} thread(s): sciml {mine:.2f} ms, DeepXDE {peer:.2f} ms, ratio {mine / peer:.3f}; "
        f"memory {memory['ours'] / 2**20:.1f} and {memory['theirs'] / 2**20:.1f} MiB"
    )
    assert memory["ours"] <= memory["theirs"]
    assert mine <= most * peer
