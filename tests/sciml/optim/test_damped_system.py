import pytest
import torch

from sciml.optim.damped_system import DampedSystem, gram


@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (5, 5)])
def test_the_step_solves_the_damped_normal_equations(shape):
    torch.manual_seed(0)
    J, b = torch.randn(shape, dtype=torch.float64), torch.randn(shape[0], dtype=torch.float64)
    system = DampedSystem(J)
    for damping in (1.0, 1e-3):
        assert system.factorise(damping)
        s = system.step(system.solve(system.right_side(b)))
        torch.testing.assert_close(J.T @ (J @ s) + damping * s, J.T @ b, rtol=1e-10, atol=1e-10)


def test_a_singular_matrix_is_not_factorised():
    J = torch.ones(4, 3, dtype=torch.float64)
    system = DampedSystem(J)
    assert not system.factorise(-1e-3)
    assert system.factorise(1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("transposed", [False, True])
def test_gram_is_the_lower_triangle_of_the_product(dtype, transposed):
    torch.manual_seed(0)
    A = torch.randn(4, 7, dtype=dtype)
    A = torch.randn(7, 4, dtype=dtype).T if transposed else A
    torch.testing.assert_close(torch.tril(gram(A)), torch.tril(A @ A.T))
    assert gram(A).dtype == dtype
