import pytest
import torch

from operators import FNO, TFNO, UNO, FactorizedFNO, SpectralConv, Transolver
from sciml.config import IncrementalConfig
from sciml.train.incremental import IncrementalModes


def field(dims, n=17):
    return torch.randn(2, 1, *[n] * dims, generator=torch.Generator().manual_seed(0))


def make(kind, modes, **config):
    torch.manual_seed(0)
    model = kind(1, 1, modes, 8)
    return model, IncrementalModes(model, IncrementalConfig(**config))


def narrowed(model, reach):
    """An FNO that has no other modes than those up to a wavenumber, with the weights of ``model``."""
    small = FNO(1, 1, [2 * reach + 1] * model.dims, 8)
    state = model.state_dict()
    for name, layer in model.named_modules():
        if isinstance(layer, SpectralConv):
            weight = layer.weight
            for axis in range(model.dims - 1):
                keep = list(range(reach + 1)) + list(range(weight.shape[axis] - reach, weight.shape[axis]))
                weight = weight.index_select(axis, torch.tensor(keep))
            state[f"{name}.weight"] = weight.narrow(model.dims - 1, 0, reach + 1)
    small.load_state_dict(state)
    return small


@pytest.mark.parametrize("modes", [[9], [9, 9], [8, 11], [7, 7, 7]])
def test_the_model_is_the_one_with_fewer_modes(modes):
    model, _ = make(FNO, modes, start=2)
    x = field(len(modes))
    torch.testing.assert_close(model(x), narrowed(model, 2)(x))


KINDS = [(FNO, {}), *((TFNO, {"factorization": kind, "rank": 0.4}) for kind in ("CP", "Tucker", "TT"))]


@pytest.mark.parametrize(("kind", "factors"), KINDS)
@pytest.mark.parametrize(
    "options", [{}, {"basis": "sine"}, {"basis": ["cosine", "fourier"]}, {"padding": 0.5}]
)
def test_what_is_left_out_in_training_is_zero_in_predictions(kind, factors, options):
    torch.manual_seed(0)
    model = kind(1, 1, [6, 7], 8, grid="vertices", **factors, **options)
    modes = IncrementalModes(model, IncrementalConfig(start=2))
    x = field(2)
    for _ in range(3):
        torch.testing.assert_close(model.train()(x), model.eval()(x))
        modes.update(1, 0.4)


def test_modes_that_have_not_joined_take_no_time():
    model, modes = make(FNO, [16, 16], start=2)
    spectral, x = model.blocks[0].spectral, torch.randn(2, 17, 17, 8)
    assert spectral.transform(x).shape[1:3] == (5, 3)
    assert spectral.eval().transform(x).shape[1:3] == (16, 9)
    modes.update(1, 1.0)
    assert spectral.train().transform(x).shape[1:3] == (16, 9)


def test_only_trained_modes_get_gradients_and_growing_changes_nothing():
    model, modes = make(FNO, [9, 8], start=1)
    x = field(2)
    before = model(x).detach()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

    def train_once():
        gradients = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()

    weight = model.blocks[1].spectral.weight
    assert weight.shape[:2] == (9, 5)
    train_once()
    in_use = weight.detach().square().sum((-3, -2, -1)) > 0
    # wavenumbers 0, 1, -1 of the first axis and 0, 1 of the last
    assert in_use.nonzero().tolist() == [[a, b] for a in (0, 1, 8) for b in (0, 1)]
    assert not torch.equal(model(x), before)
    grown = model(x).detach()
    modes.update(1, progress=0.5 * 1.5 / 4)
    assert modes.reach == [[2, 2]] * 4
    torch.testing.assert_close(model(x), grown)
    train_once()
    in_use = weight.detach().square().sum((-3, -2, -1)) > 0
    assert in_use.nonzero().tolist() == [[a, b] for a in (0, 1, 2, 7, 8) for b in (0, 1, 2)]


@pytest.mark.parametrize("batch", [1, 32])  # factor by factor, and the dense weight first
@pytest.mark.parametrize("kind", ["CP", "Tucker", "TT"])
def test_the_modes_of_factors_join_one_by_one(kind, batch):
    torch.manual_seed(0)
    model = TFNO(1, 1, [9, 8], 8, layers=2, factorization=kind, rank=0.5)
    modes = IncrementalModes(model, IncrementalConfig(start=1))
    x = torch.randn(batch, 1, 16, 16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

    def train_once():
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
        energy = model.blocks[1].spectral.weight.detach().square().sum((-3, -2, -1))
        return (energy > 0).nonzero().tolist()

    before = model(x).detach()
    assert train_once() == [[a, b] for a in (0, 1, 8) for b in (0, 1)]
    grown = model(x).detach()
    assert not torch.allclose(grown, before)
    modes.update(1, progress=0.5 * 1.5 / 4)
    assert modes.reach == [[2, 2]] * 2
    torch.testing.assert_close(model(x), grown)
    assert train_once() == [[a, b] for a in (0, 1, 2, 7, 8) for b in (0, 1, 2)]
    modes.update(2, progress=1.0)
    assert train_once() == [[a, b] for a in range(9) for b in range(5)]


def test_energy_of_factors_adds_a_mode():
    torch.manual_seed(0)
    model = TFNO(1, 1, [9, 9], 8, layers=1)
    modes = IncrementalModes(model, IncrementalConfig(start=2, grow="energy", explained=0.9, every=1))
    with torch.no_grad():
        (first, dim), (last, _) = model.blocks[0].spectral.holders()
        first.select(dim, 2).mul_(20)
        last.select(dim, 2).mul_(0.01)
    modes.update(1, 0.0)
    assert modes.reach == [[3, 2]]
    modes.update(2, 0.0)  # the new ones hold nothing yet
    assert modes.reach == [[3, 2]]


def test_a_schedule_adds_all_modes_evenly():
    _, modes = make(FNO, [16], start=2, until=0.7)
    seen = []
    for step in range(101):
        modes.update(step, step / 100)
        seen.append(modes.reach[0][0])
    assert seen[0] == 2
    assert seen == sorted(seen)
    assert set(seen) == set(range(2, 9))
    assert seen.index(8) == pytest.approx(60, abs=1)
    assert seen.index(5) == pytest.approx(30, abs=1)


def test_energy_adds_a_mode_where_the_outermost_is_in_use():
    model, modes = make(FNO, [9, 9], start=2, grow="energy", explained=0.9, every=10)
    used, unused = model.blocks[0].spectral, model.blocks[1].spectral
    with torch.no_grad():
        used.weight[2:-2] = 0
        used.weight[-2] = 5.0  # wavenumber -2 of the first axis
        unused.weight[2:-1] = 0
        unused.weight[:, 2:] = 0
        used.weight[:, 2:] = 0
    for step in (0, 5, 9):
        modes.update(step, 0.0)
    assert modes.reach[:2] == [[2, 2], [2, 2]]
    modes.update(10, 0.0)
    assert modes.reach[:2] == [[3, 2], [2, 2]]
    modes.update(20, 0.0)  # the new ones hold nothing yet
    assert modes.reach[:2] == [[3, 2], [2, 2]]
    with torch.no_grad():
        used.weight[3, :2] = 9.0
    modes.update(30, 0.0)
    with torch.no_grad():
        used.weight[4, :2] = 20.0
    modes.update(40, 0.0)
    modes.update(50, 0.0)
    assert modes.reach[0] == [4, 2]  # there are no more


@pytest.mark.parametrize(("kind", "layers"), [(UNO, None), (FactorizedFNO, 8)])
def test_models_of_several_sizes_and_of_convolutions_along_axes(kind, layers):
    _, modes = make(kind, [9, 9], start=2)
    modes.update(1, 1.0)
    assert all(reach == full for reach, full in zip(modes.reach, modes._full, strict=True))
    assert layers is None or len(modes.reach) == layers


def test_state_goes_on():
    _, modes = make(FNO, [9], start=1)
    modes.update(1, 0.3)
    _, other = make(FNO, [9], start=1)
    other.load_state_dict(modes.state_dict())
    assert other.reach == modes.reach != [[1]] * 4


def test_models_without_modes_of_their_own_are_refused():
    with pytest.raises(ValueError, match="no spectral convolution"):
        IncrementalModes(Transolver(1, 1, dims=1, width=8, heads=2), IncrementalConfig())
