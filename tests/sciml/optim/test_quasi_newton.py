"""What every quasi-Newton method must do."""

import io
import math

import pytest
import scipy.optimize
import torch

from sciml.optim import BFGS, LBFGS, SSBFGS, SSBroyden

METHODS = {cls.__name__: cls for cls in (BFGS, LBFGS, SSBFGS, SSBroyden)}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def parameters(*values):
    return [torch.nn.Parameter(torch.tensor(value, dtype=torch.float64)) for value in values]


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def quadratic(n, condition):
    """½ |D^(1/2) Qᵀ (x - 1)|² with a random orthogonal Q and eigenvalues from 1 to ``condition``."""
    generator = torch.Generator().manual_seed(0)
    rotation = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
    roots = torch.logspace(0, math.log10(condition) / 2, n, dtype=torch.float64)
    return lambda x: 0.5 * (roots * (rotation.T @ (x - 1))).square().sum()


def closure(f, params):
    def evaluate():
        evaluate.calls += 1
        value = f(torch.cat([p.reshape(-1) for p in params]))
        for p, g in zip(params, torch.autograd.grad(value, params), strict=True):
            p.grad = g
        return float(value.detach())

    evaluate.calls = 0
    return evaluate


def iterations(optimizer, f, params, tolerance, most=2000):
    """Iterations until no component of the gradient is above ``tolerance``."""
    evaluate = closure(f, params)
    for count in range(most):
        evaluate()
        if max(float(p.grad.abs().max()) for p in params) < tolerance:
            return count
        optimizer.step(evaluate)
    raise AssertionError(f"no convergence in {most} iterations")


@every_method
@pytest.mark.parametrize("n", [2, 10, 40])
def test_rosenbrock_takes_about_the_iterations_of_scipy(method, n):
    start = [-1.2, 1.0] * (n // 2)
    params = parameters(start)
    ours = iterations(method(params, max_iter=1), rosenbrock, params, 1e-7)

    def with_gradient(x):
        p = torch.tensor(x, requires_grad=True)
        value = rosenbrock(p)
        return value.item(), torch.autograd.grad(value, p)[0].numpy()

    peer = scipy.optimize.minimize(with_gradient, start, jac=True, method="BFGS", options={"gtol": 1e-7})
    assert ours <= 1.5 * peer.nit
    torch.testing.assert_close(params[0].detach(), torch.ones(n, dtype=torch.float64), rtol=0, atol=1e-5)


@every_method
def test_convergence_on_a_quadratic_is_superlinear(method):
    """From 1e-6 to 1e-12 takes at most the iterations of twice 1e-3 to 1e-6; steepest descent takes hundreds for either."""
    f, params = quadratic(12, 100.0), parameters([0.0] * 12)
    optimizer = method(params, max_iter=1)
    evaluate = closure(f, params)
    errors = []
    while not errors or errors[-1] > 1e-12:
        optimizer.step(evaluate)
        errors.append(float((params[0].detach() - 1).norm()))
        assert len(errors) < 60
    third, sixth, twelfth = (
        next(k for k, e in enumerate(errors) if e <= bound) for bound in (1e-3, 1e-6, 1e-12)
    )
    assert twelfth - sixth <= 2 * (sixth - third)


def textbook_update(name, H, s, y):
    """φ H_BFGS + (1 - φ) H_DFP of H / τ, with the two in their usual forms."""
    n, y_s = len(s), y @ s
    b, h = (s @ torch.linalg.solve(H, s)) / y_s, (y @ H @ y) / y_s
    tau, phi = 1.0, 1.0
    if name == "SSBFGS":
        tau = min(1.0, 1 / b)
    if name == "SSBroyden":
        a = b * h - 1
        rho = min(1.0, h * (1 - torch.sqrt(a / (1 + a))))
        theta = max((rho - 1) / a, min(1 / rho, (1 - b) / b))
        sigma = 1 + a * theta
        phi = (1 - theta) / sigma
        at_most_one, power = min(1.0, 1 / b), sigma ** (1 / (1 - n))
        tau = at_most_one * min(power, 1 / theta) if theta > 0 else min(at_most_one * power, sigma)
    G, eye = H / tau, torch.eye(n, dtype=s.dtype)
    left = eye - torch.outer(s, y) / y_s
    bfgs = left @ G @ left.T + torch.outer(s, s) / y_s
    dfp = G - G @ torch.outer(y, y) @ G / (y @ G @ y) + torch.outer(s, s) / y_s
    return phi * bfgs + (1 - phi) * dfp


@pytest.mark.parametrize("method", [BFGS, SSBFGS, SSBroyden], ids=lambda cls: cls.__name__)
def test_the_inverse_hessian_is_that_of_the_textbook_update(method):
    """Along a path on Rosenbrock's function; it stays symmetric and positive definite, and maps y to s."""
    params = parameters([-1.2, 1.0, -1.2, 1.0])
    optimizer = method(params, max_iter=1)
    evaluate = closure(rosenbrock, params)
    state, before = optimizer.state[params[0]], None
    for _ in range(20):
        start = params[0].detach().clone()
        evaluate()
        gradient = params[0].grad.clone()
        optimizer.step(evaluate)
        evaluate()
        s, y = params[0].detach() - start, params[0].grad - gradient
        if before is None:
            before = torch.eye(4, dtype=torch.float64) * (y @ s) / (y @ y)
        hessian = state["inverse_hessian"]
        torch.testing.assert_close(
            hessian, textbook_update(method.__name__, before, s, y), rtol=1e-6, atol=1e-12
        )
        torch.testing.assert_close(hessian @ y, s, rtol=1e-8, atol=1e-12)
        torch.testing.assert_close(hessian, hessian.T, rtol=1e-10, atol=1e-14)
        assert torch.linalg.eigvalsh(hessian).min() > 0
        before = hessian.clone()


@pytest.mark.parametrize("method", [BFGS, LBFGS], ids=lambda cls: cls.__name__)
def test_n_conjugate_steps_on_a_quadratic_give_its_inverse_hessian(method):
    """The finite-termination property: with exact line searches, steps of BFGS are conjugate, and n of them are enough."""
    n = 6
    A = torch.autograd.functional.hessian(quadratic(n, 30.0), torch.zeros(n, dtype=torch.float64))
    directions = torch.linalg.eigh(A).eigenvectors
    optimizer, state = method(parameters([0.0] * n)), {}
    for s in directions.T:
        optimizer._update(state, s, A @ s, math.nan)
    for vector in torch.eye(n, dtype=torch.float64):
        torch.testing.assert_close(
            optimizer._times(state, vector), torch.linalg.solve(A, vector), rtol=1e-9, atol=1e-12
        )


def test_limited_memory_is_bfgs_while_it_remembers_everything():
    """But for the first scaling, which follows the last pair: the same with one pair."""
    f, whole, limited = quadratic(5, 30.0), parameters([0.0] * 5), parameters([0.0] * 5)
    for method, params in ((BFGS, whole), (LBFGS, limited)):
        method(params, max_iter=2).step(closure(f, params))
    torch.testing.assert_close(whole[0], limited[0], rtol=1e-10, atol=1e-12)


@every_method
def test_parameters_of_several_shapes_are_one_vector(method):
    flat, split = parameters([-1.2, 1.0, -1.2, 1.0, 0.5]), parameters([[-1.2, 1.0], [-1.2, 1.0]], 0.5)
    for params in (flat, split):
        method(params, max_iter=8).step(closure(rosenbrock, params))
    torch.testing.assert_close(torch.cat([p.reshape(-1) for p in split]), flat[0], rtol=1e-12, atol=1e-12)


@every_method
def test_gradients_on_different_points_are_never_compared(method):
    """The objective changes between steps by a linear term: curvature, and with it H, must not feel it."""
    f = quadratic(6, 50.0)
    shift = torch.linspace(-1000, 1000, 6, dtype=torch.float64)
    params = parameters([0.0] * 6)
    optimizer = method(params, max_iter=40)
    optimizer.step(closure(f, params))
    optimizer.step(closure(lambda x: f(x) + shift @ x, params))
    hessian = torch.autograd.functional.hessian(f, torch.zeros(6, dtype=torch.float64))
    expected = 1 - torch.linalg.solve(hessian, shift)
    torch.testing.assert_close(params[0].detach(), expected, rtol=1e-6, atol=1e-6)


@every_method
@pytest.mark.parametrize("stop", [1, 3])
def test_resumes_bit_for_bit(method, stop):
    start = [-1.2, 1.0] * 5
    whole, resumed = parameters(start), parameters(start)
    optimizer = method(whole, max_iter=4)
    for _ in range(8):
        optimizer.step(closure(rosenbrock, whole))

    optimizer = method(resumed, max_iter=4)
    for _ in range(stop):
        optimizer.step(closure(rosenbrock, resumed))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    optimizer = method(resumed, max_iter=4)
    optimizer.load_state_dict(torch.load(file, weights_only=True))
    for _ in range(stop, 8):
        optimizer.step(closure(rosenbrock, resumed))
    assert torch.equal(whole[0], resumed[0])


@every_method
def test_trial_steps_without_a_value_are_shortened(method):
    """-log x + x is infinite or nan at x <= 0, where the first steps from 1e-3 lead."""
    params = parameters([1e-3, 5.0, 40.0])
    iterations(method(params, max_iter=1), lambda x: (x - torch.log(x)).sum(), params, 1e-8)
    torch.testing.assert_close(params[0].detach(), torch.ones(3, dtype=torch.float64))


@every_method
@pytest.mark.parametrize("broken", [lambda x: x.sum() * math.nan, lambda x: (x - x).sqrt().sum()])
def test_what_is_not_finite_at_the_start_is_an_error_and_changes_nothing(method, broken):
    params = parameters([1.0, 2.0])
    with pytest.raises(FloatingPointError, match="not finite"):
        method(params).step(closure(broken, params))
    assert params[0].tolist() == [1.0, 2.0]


@every_method
def test_a_minimum_is_left_alone(method, caplog):
    params = parameters([1.0] * 4)
    evaluate = closure(rosenbrock, params)
    assert method(params).step(evaluate) == 0.0
    assert params[0].tolist() == [1.0] * 4
    assert evaluate.calls == 1
    assert not caplog.text


@every_method
def test_a_gradient_that_misleads_leaves_the_parameters_with_a_warning(method, caplog):
    params = parameters([1.0, 2.0])

    def uphill():
        params[0].grad = -params[0].detach()
        return float(params[0].detach().square().sum())

    optimizer = method(params)
    for _ in range(3):
        assert optimizer.step(uphill) == 5.0
    assert params[0].tolist() == [1.0, 2.0]
    assert caplog.text.count("the parameters stay") == 1


@every_method
def test_a_direction_that_does_not_descend_is_forgotten(method):
    params = parameters([-1.2, 1.0])
    optimizer = method(params)
    optimizer.step(closure(rosenbrock, params))
    state = optimizer.state[params[0]]
    with torch.no_grad():
        params[0].copy_(torch.tensor([-1.2, 1.0]))
    if method is LBFGS:
        state["products"] = [-product for product in state["products"]]
    else:
        state["inverse_hessian"].neg_()
    assert iterations(optimizer, rosenbrock, params, 1e-9) <= 6


@pytest.mark.parametrize("method", [BFGS, SSBFGS, SSBroyden], ids=lambda cls: cls.__name__)
def test_a_hessian_that_does_not_fit_says_how_large_it_is(method):
    with pytest.raises(ValueError, match=r"74\.5 GiB for 100000 parameters; use LBFGS"):
        method([torch.nn.Parameter(torch.zeros(100_000, dtype=torch.float64))])


def test_complex_parameters_are_refused():
    with pytest.raises(ValueError, match="needs real parameters"):
        LBFGS([torch.nn.Parameter(torch.zeros(2, dtype=torch.complex128))])
