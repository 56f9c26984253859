import torch
import torch.nn.functional as F

from operators.attention import TransformerLayer, linear_attention, softmax_attention


def test_attention_is_a_sum_over_points_and_linear_in_the_values():
    q, k, v, other = torch.randn(4, 2, 3, 5, 4, dtype=torch.float64)
    weights = torch.rand(5, dtype=torch.float64)
    y = linear_attention(q, k, v, weights)
    for i in range(5):
        by_hand = sum(
            weights[j] * (q[..., i, :] * k[..., j, :]).sum(-1, keepdim=True) * v[..., j, :] for j in range(5)
        )
        torch.testing.assert_close(y[..., i, :], by_hand)
    torch.testing.assert_close(
        linear_attention(q, k, 2 * v - 3 * other, weights), 2 * y - 3 * linear_attention(q, k, other, weights)
    )


def test_softmax_attention_is_that_of_torch():
    q, k, v = (torch.randn(2, 3, n, 4, dtype=torch.float64) for n in (6, 5, 5))
    torch.testing.assert_close(softmax_attention(q, k, v), F.scaled_dot_product_attention(q, k, v))


def test_a_layer_adds_what_it_makes_of_normalised_tokens():
    def attention(x, where):
        return 2 * x + where

    layer = TransformerLayer(4, torch.nn.Identity(), torch.nn.Linear(4, 4)).double()
    layer.attention.forward = attention
    x, where = torch.randn(2, 2, 3, 4, dtype=torch.float64)
    there = x + 2 * F.layer_norm(x, (4,)) + where
    torch.testing.assert_close(layer(x, where), there + layer.feed_forward(F.layer_norm(there, (4,))))


def test_derivatives():
    q, k, v = (torch.randn(1, n, 2, dtype=torch.float64, requires_grad=True) for n in (2, 3, 3))
    assert torch.autograd.gradcheck(softmax_attention, (q, k, v), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(softmax_attention, (q, k, v))
