import io

import pytest
import torch

from sciml.optim import by_name, make_optimizer
from sciml.optim.by_name import known_optimizers, load_optimizer_state, more_optimizers, require_usable


def parameters(*shapes, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype))
        for shape in shapes or ((4, 3), (4,), (1, 4), (1,))
    ]


def loss(params):
    return sum((p - k).abs().square().sum() for k, p in enumerate(params))


def take(optimizer, params, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss(params).backward()
        optimizer.step()


def usable():
    names = []
    for name, constructor in more_optimizers().items():
        try:
            require_usable(name, constructor, torch.float64)
        except ValueError:
            continue
        names.append(name)
    return names


def test_ours_come_before_those_of_torch():
    assert type(make_optimizer("LBFGS", parameters(), {})).__module__ == "sciml.optim.lbfgs"
    assert type(make_optimizer("NAdam", parameters(), {})) is torch.optim.NAdam
    assert {"SSBroyden", "LevenbergMarquardt", "AdamW"} <= known_optimizers().keys()


def test_names_and_options_are_checked():
    p = parameters()
    with pytest.raises(ValueError, match=r"unknown optimizer 'Adm'; did you mean 'Adam'\?"):
        make_optimizer("Adm", p, {})
    with pytest.raises(ValueError, match=r"optimizer Adam: unknown option 'learning_rate'"):
        make_optimizer("Adam", p, {"learning_rate": 1e-3})
    with pytest.raises(ValueError, match="optimizer SGD: Invalid learning rate: -1"):
        make_optimizer("SGD", p, {"lr": -1})


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD"])
def test_fused_kernels_are_the_default_and_change_nothing_but_speed(name):
    fused, plain = parameters(), parameters()
    options = {"lr": 1e-2, "weight_decay": 0.1}
    optimizer = make_optimizer(name, fused, options)
    assert optimizer.param_groups[0]["fused"]
    take(optimizer, fused, 20)
    take(make_optimizer(name, plain, {**options, "fused": False}), plain, 20)
    for a, b in zip(fused, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD"])
def test_parameters_that_no_fused_kernel_takes(name):
    p = parameters((3,), dtype=torch.complex64)
    before = p[0].detach().clone()
    take(make_optimizer(name, p, {"lr": 1e-2}), p, 2)
    assert not torch.equal(p[0], before)
    take(make_optimizer(name, p, {"lr": 1e-2, "foreach": True}), p, 2)


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(by_name, "import_module", absent)
    more_optimizers.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"unknown optimizer 'SOAP'.*pip install pytorch-optimizer"):
            make_optimizer("SOAP", parameters(), {})
    finally:
        more_optimizers.cache_clear()


class TestPytorchOptimizer:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("pytorch_optimizer")

    def test_it_offers_what_torch_does_not_have(self):
        assert {"SOAP", "Muon", "Prodigy", "AdEMAMix", "Lion", "Kron"} <= set(usable())
        assert not {name.lower() for name in known_optimizers()} & {n.lower() for n in more_optimizers()}

    def test_a_name_in_another_case_is_suggested(self):
        with pytest.raises(ValueError, match=r"unknown optimizer 'Soap'; did you mean 'SOAP'\?"):
            make_optimizer("Soap", parameters(), {})
        with pytest.raises(ValueError, match=r"optimizer SOAP: unknown option 'lrr'; did you mean 'lr'\?"):
            make_optimizer("SOAP", parameters(), {"lrr": 1})

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("AdaHessian", "cannot take a step from gradients alone"),
            ("SAM", "missing 1 required positional argument: 'base_optimizer'"),
            ("FAdam", "expected dtype float"),
            ("AdaShift", "and resume: UnpicklingError"),
            ("ScheduleFreeAdamW", "trains at other parameters than it evaluates"),
        ],
    )
    def test_what_cannot_be_used_is_refused_with_the_reason(self, name, reason):
        with pytest.raises(ValueError, match=reason):
            make_optimizer(name, parameters(), {})

    def test_muon_trains_matrices_and_adamw_the_rest(self):
        p = parameters((4, 3), (3,), ())
        optimizer = make_optimizer("Muon", p, {"lr": 1e-2, "adamw_lr": 1e-3})
        groups = {group["use_muon"]: group["params"] for group in optimizer.param_groups}
        assert groups[True] == [p[0]]
        assert [q.shape for q in groups[False]] == [(3,), ()]
        assert [group["lr"] for group in optimizer.param_groups] == [1e-2, 1e-3]

    @pytest.mark.slow
    def test_each_of_them_resumes_bit_for_bit(self):
        for name in usable():
            whole, resumed = parameters(), parameters()
            torch.manual_seed(0)
            optimizer = make_optimizer(name, whole, {})
            take(optimizer, whole, 9)

            torch.manual_seed(0)
            optimizer = make_optimizer(name, resumed, {})
            take(optimizer, resumed, 5)
            file, random = io.BytesIO(), torch.get_rng_state()
            torch.save(optimizer.state_dict(), file)
            file.seek(0)
            optimizer = make_optimizer(name, resumed, {})
            load_optimizer_state(optimizer, torch.load(file, weights_only=True))
            torch.set_rng_state(random)
            take(optimizer, resumed, 4)
            assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True)), name
