import pytest
import torch

from sciml.optim.jacobian_weights import jacobian_weights


def test_weighted_blocks_have_the_norm_of_the_largest():
    torch.manual_seed(0)
    blocks = {"pde": 7 * torch.randn(9, 4), "boundary": torch.randn(5, 4), "initial": 0.2 * torch.randn(3, 4)}
    weights = jacobian_weights(blocks)
    assert weights["pde"] == 1
    for name, J in blocks.items():
        assert float((weights[name] ** 0.5 * J).norm()) == pytest.approx(
            float(blocks["pde"].norm()), rel=1e-5
        )


def test_weights_do_not_depend_on_the_scale_of_all():
    torch.manual_seed(0)
    blocks = {"a": torch.randn(9, 4), "b": torch.randn(5, 4)}
    assert jacobian_weights({k: 10 * J for k, J in blocks.items()}) == pytest.approx(
        jacobian_weights(blocks), rel=1e-5
    )


def test_a_residual_without_sensitivity_and_a_tiny_one_have_bounded_weights():
    blocks = {"pde": torch.ones(2, 2), "none": torch.zeros(2, 2), "tiny": 1e-9 * torch.ones(2, 2)}
    assert jacobian_weights(blocks) == {"pde": 1.0, "none": 1.0, "tiny": 1e4}
    assert jacobian_weights({"none": torch.zeros(2, 2)}) == {"none": 1.0}
