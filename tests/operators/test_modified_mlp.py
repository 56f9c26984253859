import torch

from operators import ModifiedMLP


def test_depth_two_by_hand():
    torch.manual_seed(0)
    model = ModifiedMLP(2, 1, width=4, depth=2).double()
    x = torch.rand(5, 2, dtype=torch.float64)
    u, v = (torch.tanh(encoder(x)) for encoder in model.encoders)
    first, second, last = model.layers
    gate = torch.tanh(second(torch.tanh(first(x))))
    torch.testing.assert_close(model(x), last(gate * u + (1 - gate) * v))
    for layer in (*model.encoders, *model.layers):
        assert not layer.bias.any()
