"""Conditioning of a trigonometric series on Poisson's equation: the figures of docs/optimizers.md."""

import numpy as np
import pytest
import torch

from operators import FourierSeries
from pdes.benchmarks import poisson_1d
from sciml.optim import WeightedSum, conditioning, precondition
from sciml.tasks import PinnTask

pytestmark = [pytest.mark.bench]
MODES = (4, 8, 16, 32, 64)
WEIGHT = 0.1
GOAL = 1e-8
POINTS = 500
AT_MOST = 10_000


def series(modes, order=0.0):
    domain = poisson_1d().domain
    return FourierSeries(1, 1, harmonics=modes, order=order, lower=domain.lower, upper=domain.upper).double()


def preconditioned(modes):
    model = series(modes)
    precondition(poisson_1d(), model, weights={"u_boundary": WEIGHT})
    return model


def spectrum(model, weight=WEIGHT):
    weights = {"u_boundary": weight}
    return conditioning(poisson_1d(), model, weights=weights, interior=POINTS, conditions=2)


def descend(model, weight=WEIGHT):
    """Steps of gradient descent from u = 0, at the best constant step, to a relative L2 error of `GOAL`; and the error."""
    task = PinnTask(poisson_1d(), interior=POINTS, conditions={"u_boundary": 2}, dtype=torch.float64)
    balancer, batch, parameters = (
        WeightedSum({"u_boundary": weight}),
        task.batch(0, model),
        [*model.parameters()],
    )
    parts = task.least_squares(model, batch, parameters, jacobian=True)
    roots = {"poisson": 1.0, "u_boundary": weight**0.5}
    start, jacobian = (torch.cat([roots[name] * part[k] for name, part in parts.items()]) for k in (0, 1))

    def loss():
        """That of the task, at a fraction of its price: the residuals are linear in the parameters."""
        return (start + jacobian @ parameters[0][0]).square().sum()

    optimizer = torch.optim.SGD(parameters, lr=spectrum(model, weight).learning_rate)
    for step in range(1, AT_MOST + 1):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        if step < 200 or step % 100 == 0:
            error = task.validate(model)["rel_l2"]
            if error < GOAL:
                break
    expected = balancer.objective(task.losses(model, batch))
    torch.testing.assert_close(loss(), expected, rtol=1e-4, atol=1e-20)
    return step, error


def test_poisson():
    """κ grows like K⁴ and descent takes forever; rescaled by k², or to a unit diagonal of A, neither depends on K."""
    print(
        f"\n-u'' = f, weight of the boundary {WEIGHT}; steps to a relative L2 error of {GOAL:.0e}, at most {AT_MOST}"
    )
    plain = []
    for modes in MODES:
        models = {"none": series(modes), "k^-2": series(modes, order=2), "diagonal": preconditioned(modes)}
        cells = []
        for name, model in models.items():
            number, (steps, error) = spectrum(model).condition_number, descend(model)
            cells.append(f"{name}: κ {number:.3g}, {steps} steps, error {error:.0e}")
            if name == "none":
                plain.append(number)
                assert steps == AT_MOST
                assert error > GOAL
            else:
                assert number < 10
                assert steps < 200
                assert error < GOAL
        print(f"K = {modes:2d}  " + "; ".join(cells))
    slope = np.polyfit(np.log(MODES), np.log(plain), 1)[0]
    print(f"slope of κ without preconditioning: {slope:.2f}")
    assert slope == pytest.approx(4, abs=0.3)


def test_no_weight_of_the_boundary_replaces_preconditioning():
    """κ ≥ K⁴ at any weight, as the sines do not see the boundary."""
    weights = np.logspace(-2, 4, 25)
    print("\nκ without preconditioning, at the best weight of the boundary:")
    for modes in MODES:
        numbers = [spectrum(series(modes), weight).condition_number for weight in weights]
        best = int(np.argmin(numbers))
        steps, error = descend(series(modes), weights[best])
        print(f"K = {modes:2d}: {numbers[best]:.3g} at {weights[best]:.2g}, {steps} steps to {error:.0e}")
        assert min(numbers) > 0.99 * modes**4
