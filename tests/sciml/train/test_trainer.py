import json
from dataclasses import replace

import pytest
import torch

from pdes import Axis, Grid
from sciml.assemble import assemble
from sciml.config import (
    Component,
    Config,
    DataConfig,
    IncrementalConfig,
    PointsConfig,
    RolloutConfig,
    Stage,
    TrainConfig,
)
from sciml.data import write_well
from sciml.optim import MultiAdam, WeightedSum
from sciml.optim.by_name import known_optimizers
from sciml.train import RunFolder, Trainer, TrainingError
from sciml.train import trainer as trainer_module


class KilledError(Exception):
    pass


def pinn_config(folder, stages, **train):
    return Config(
        output=str(folder),
        dtype="float64",
        problem=Component("burgers_shock"),
        points=PointsConfig(
            interior=40, conditions={"boundary": 8, "initial": 8}, resample_every=3, adaptive=0.5
        ),
        model=Component("MLP", {"width": 6, "depth": 2}),
        train=TrainConfig(stages=stages, log_every=1, checkpoint_seconds=0.0, **train),
    )


def operator_config(folder, files, validation=0.0, **train):
    return Config(
        output=str(folder),
        data=DataConfig(
            train=str(files["train"]), inputs=["a"], targets=["u"], batch_size=16, validation=validation
        ),
        model=Component("FNO", {"modes": [6], "width": 8}),
        train=TrainConfig(
            stages=[Stage("AdamW", epochs=3, schedule="one-cycle", options={"lr": 1e-2})],
            log_every=1,
            checkpoint_seconds=0.0,
            **train,
        ),
    )


def start(config, resume=False):
    task, model, balancers, _ = assemble(config)
    run = RunFolder(config.folder)
    trainer = Trainer(task, model, config.train, balancers, run)
    if resume:
        trainer.resume(torch.device("cpu"))
    else:
        run.create("")
    return trainer


def run_and_kill(config, monkeypatch, step):
    """Train until ``step`` batches were drawn, then die without a word, as a killed process does."""
    trainer = start(config)
    original = trainer.task.batch

    def batch(index, model):
        if index == step:
            raise KilledError
        return original(index, model)

    monkeypatch.setattr(trainer.task, "batch", batch)
    with pytest.raises(KilledError):
        trainer.fit()


def records(trainer):
    """The log without times."""
    return [{k: v for k, v in record.items() if k != "wall_s"} for record in trainer.run.records()]


STAGES = {
    "adam": [Stage("Adam", steps=12, schedule="cosine", options={"lr": 1e-2})],
    "lbfgs": [Stage("LBFGS", steps=8, options={"max_iter": 5})],
    "least squares": [Stage("LevenbergMarquardt", steps=9)],
    "adam, then lbfgs": [
        Stage("Adam", steps=5, options={"lr": 1e-2}),
        Stage("LBFGS", steps=5, options={"max_iter": 5}),
    ],
    "a balancer each": [
        Stage("Adam", steps=4, options={"lr": 1e-2}, balancer=Component("ReLoBRaLo")),
        Stage("SGD", steps=4, options={"lr": 1e-3}, balancer=Component("MultiAdam")),
        Stage("LevenbergMarquardt", steps=2),
        Stage("Adam", steps=3, options={"lr": 1e-3}, balancer=Component("ConFIG")),
    ],
}


def assert_resumes_bit_for_bit(monkeypatch, config, kill_at):
    whole = start(config("whole"))
    whole.fit()
    run_and_kill(config("killed"), monkeypatch, kill_at)
    resumed = start(config("killed"), resume=True)
    assert resumed.step == kill_at
    resumed.fit()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert records(whole) == records(resumed)


@pytest.mark.parametrize(
    ("stages", "balancer", "kill_at"),
    [
        ("adam", "WeightedSum", 3),
        ("adam", "ConFIG", 7),
        ("adam, then lbfgs", "WeightedSum", 4),
        ("adam, then lbfgs", "WeightedSum", 5),
        ("adam, then lbfgs", "WeightedSum", 7),
        ("a balancer each", "WeightedSum", 3),
        ("a balancer each", "WeightedSum", 4),
        ("a balancer each", "WeightedSum", 6),
        ("a balancer each", "WeightedSum", 9),
        ("a balancer each", "WeightedSum", 12),
    ],
)
def test_a_killed_and_resumed_pinn_ends_bit_for_bit_the_same(
    tmp_path, monkeypatch, stages, balancer, kill_at
):
    def config(name):
        return pinn_config(tmp_path / name, STAGES[stages], balancer=Component(balancer), log_gradients=True)

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at)


FIRST_ORDER, QUASI_NEWTON = {"lr": 1e-3}, {"max_iter": 4}
OPTIMIZERS = {
    **dict.fromkeys(("Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD"), FIRST_ORDER),
    **dict.fromkeys(("Adagrad", "Adadelta", "Adamax", "ASGD"), FIRST_ORDER),
    **dict.fromkeys(("LBFGS", "BFGS", "SSBFGS", "SSBroyden"), QUASI_NEWTON),
    "Adafactor": FIRST_ORDER,
    "LevenbergMarquardt": {},
    "SketchedGaussNewton": {"sketch": 20, "momentum": 0.3},
    "SOAP": {"lr": 1e-3, "precondition_frequency": 3},
    **dict.fromkeys(("Muon", "Prodigy", "AdEMAMix"), FIRST_ORDER),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_resumes_bit_for_bit(tmp_path, monkeypatch, optimizer):
    """New points come at steps 3 and 6."""
    if optimizer not in known_optimizers():
        pytest.importorskip("pytorch_optimizer")

    def config(name):
        config = pinn_config(
            tmp_path / name, [Stage(optimizer, steps=8, options=OPTIMIZERS[optimizer])], log_gradients=True
        )
        config.problem = Component("poisson_2d")
        config.points.conditions = {"u_boundary": 8}
        return config

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=5)


def test_all_optimizers_are_held_to_that():
    assert known_optimizers().keys() <= OPTIMIZERS.keys()


@pytest.mark.parametrize("kill_at", [2, 4, 9])
def test_a_killed_and_resumed_operator_ends_bit_for_bit_the_same(
    tmp_path, monkeypatch, diffusion_files, kill_at
):
    whole = start(operator_config(tmp_path / "whole", diffusion_files))
    whole.fit()
    run_and_kill(operator_config(tmp_path / "killed", diffusion_files), monkeypatch, kill_at)
    resumed = start(operator_config(tmp_path / "killed", diffusion_files), resume=True)
    resumed.fit()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert records(whole) == records(resumed)


FEATURES = {
    "weights": {"channel_weights": [2.0], "loss": "h1"},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "modes by schedule": {"incremental": IncrementalConfig(start=1, until=0.8), "ema": 0.9},
    "modes by energy": {"incremental": IncrementalConfig(start=1, grow="energy", explained=0.999, every=2)},
}


@pytest.mark.parametrize("feature", FEATURES)
def test_features_of_training_resume_bit_for_bit(tmp_path, monkeypatch, diffusion_files, feature):
    def config(name):
        return operator_config(tmp_path / name, diffusion_files, **FEATURES[feature])

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=5)
    if "modes" in feature:
        reach = [record["modes"] for record in RunFolder(config("whole").folder).records()]
        assert reach[0] != reach[5] != reach[-1]


SAMPLING = {
    "coarser grids": {"coarsen": [2], "coarsen_by": "spectral"},
    "symmetries": {"symmetries": ["translations", "reflections"], "pseudo": ["u"], "input_noise": 0.01},
    "two files": {"batch_size": 8},
}


@pytest.mark.parametrize("sampling", SAMPLING)
def test_what_a_step_sees_resumes_bit_for_bit(tmp_path, monkeypatch, diffusion_files, sampling):
    def config(name):
        config = operator_config(tmp_path / name, diffusion_files)
        for key, value in SAMPLING[sampling].items():
            setattr(config.data, key, value)
        if sampling == "two files":
            config.data.train = [str(diffusion_files[name]) for name in ("train", "test_fine")]
        return config

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=5)


@pytest.mark.parametrize(
    "rollout", [{"unroll": 1}, {"unroll": 3, "noise": 0.1}, {"unroll": 2, "pushforward": True}]
)
def test_roll_outs_resume_bit_for_bit(tmp_path, monkeypatch, rollout):
    grid = Grid([Axis("x", 16, periodic=True)])
    w = torch.rand(48, 6, 16, generator=torch.Generator().manual_seed(0))
    write_well(tmp_path / "w.h5", {"w": w}, grid, times=[0.1 * i for i in range(6)], name="waves")

    def config(name):
        config = operator_config(
            tmp_path / name, {"train": tmp_path / "w.h5"}, rollout=RolloutConfig(**rollout)
        )
        config.data.inputs, config.data.targets = ["w[0:2]"], ["w[2:6]"]
        return config

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=5)


def test_another_seed_is_another_run(tmp_path):
    models = []
    for seed in (0, 0, 1):
        config = pinn_config(tmp_path / f"{len(models)}", STAGES["adam"])
        config.seed = seed
        trainer = start(config)
        trainer.fit()
        models.append(torch.nn.utils.parameters_to_vector(trainer.parameters))
    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])


def test_time_budget_ends_training_and_its_schedule(tmp_path, monkeypatch):
    ticks = iter(range(10_000))
    monkeypatch.setattr(trainer_module.time, "perf_counter", lambda: float(next(ticks)))
    config = pinn_config(
        tmp_path, [Stage("Adam", steps=1000, schedule="cosine", options={"lr": 1.0})], max_seconds=20.0
    )
    trainer = start(config)
    trainer.fit()
    assert trainer.step <= 21
    assert trainer.wall_s >= 20
    assert trainer.run.records()[-1]["lr"] < 0.05


def test_time_share_moves_on_to_the_next_stage(tmp_path, monkeypatch):
    ticks = iter(range(10_000))
    monkeypatch.setattr(trainer_module.time, "perf_counter", lambda: float(next(ticks)))
    stages = [Stage("Adam", steps=1000, time_share=0.25), Stage("SGD", steps=1000, options={"lr": 1e-3})]
    trainer = start(pinn_config(tmp_path, stages, max_seconds=40.0))
    trainer.fit()
    walls = {record["stage"]: record["wall_s"] for record in trainer.run.records()}
    assert walls["2 SGD"] >= 40
    assert sum(record["stage"] == "2 SGD" for record in trainer.run.records()) > 10


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    trainer = start(pinn_config(tmp_path, STAGES["adam"]))
    original = trainer.task.losses

    def losses(model, batch):
        found = original(model, batch)
        return {**found, "initial": found["initial"] * float("nan")} if trainer.step == 4 else found

    monkeypatch.setattr(trainer.task, "losses", losses)
    with pytest.raises(
        TrainingError, match=r"step 4: loss 'initial' is nan; the last good state is .*state\.pt"
    ):
        trainer.fit()
    state = trainer.run.load_checkpoint(torch.device("cpu"))
    assert state["step"] == 4
    assert all(torch.isfinite(v).all() for v in state["model"].values())


def test_a_parameter_that_is_not_finite_is_never_saved(tmp_path):
    trainer = start(pinn_config(tmp_path, STAGES["adam"]))
    with torch.no_grad():
        trainer.parameters[0][0, 0] = float("inf")
    with pytest.raises(TrainingError, match="a parameter is not finite"):
        trainer.fit()
    assert not trainer.run.checkpoint.exists()


def test_residuals_that_are_not_finite_keep_the_last_good_parameters(tmp_path, monkeypatch):
    trainer = start(pinn_config(tmp_path, STAGES["least squares"]))
    original = trainer.task.least_squares

    def least_squares(model, batch, parameters, *, jacobian):
        found = original(model, batch, parameters, jacobian=jacobian)
        broken = trainer.step == 4 and jacobian
        return (
            {**found, "initial": (found["initial"][0] * float("nan"), found["initial"][1])}
            if broken
            else found
        )

    monkeypatch.setattr(trainer.task, "least_squares", least_squares)
    with pytest.raises(
        TrainingError, match=r"step 4: the residuals or their derivatives are not finite; the last"
    ):
        trainer.fit()
    state = trainer.run.load_checkpoint(torch.device("cpu"))
    assert state["step"] == 4
    for name, value in trainer.model.state_dict().items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, state["model"][name])


@pytest.mark.parametrize("optimizer", ["LevenbergMarquardt", "SSBroyden"])
def test_what_does_not_fit_into_memory_is_said_before_anything_is_written(tmp_path, optimizer):
    stages = [Stage("Adam", steps=3), Stage(optimizer, steps=3, options={"memory": 1000})]
    task, model, balancers, _ = assemble(config := pinn_config(tmp_path / "run", stages))
    with pytest.raises(ValueError, match=r"GiB.*use .*LBFGS"):
        Trainer(task, model, config.train, balancers, RunFolder(config.folder)).rehearse()
    assert not config.folder.exists()


def test_memory_is_that_of_the_most_points_that_a_run_can_reach(tmp_path):
    stages = [Stage("LevenbergMarquardt", steps=3, options={"memory": 130_000})]
    config = pinn_config(tmp_path, stages)
    start(config).rehearse()  # 56 residuals and 67 parameters: 105 kB
    config.points.interior_max = 160
    with pytest.raises(ValueError, match="224 residuals and 67 parameters"):
        start(config).rehearse()


def test_line_search_needs_a_scalar(tmp_path):
    trainer = start(pinn_config(tmp_path, STAGES["lbfgs"], balancer=Component("ConFIG")))
    with pytest.raises(ValueError, match="LBFGS with the balancer ConFIG, which has no scalar objective"):
        trainer.rehearse()


def test_least_squares_needs_a_weighted_sum_of_squares(tmp_path, diffusion_files):
    trainer = start(pinn_config(tmp_path / "a", STAGES["least squares"], balancer=Component("ConFIG")))
    with pytest.raises(ValueError, match=r"ConFIG, which is no weighted sum.*balancer: {name: WeightedSum}"):
        trainer.rehearse()
    config = operator_config(tmp_path / "b", diffusion_files)
    config.train.stages = STAGES["least squares"]
    with pytest.raises(ValueError, match="OperatorTask has no residuals for a least-squares optimizer"):
        start(config).rehearse()


def test_loss_weights_reach_least_squares(tmp_path):
    weighted = Component("WeightedSum", {"weights": {"initial": 100.0}})
    plain, heavy = (
        start(pinn_config(tmp_path / name, STAGES["least squares"], balancer=balancer))
        for name, balancer in (("a", Component("WeightedSum")), ("b", weighted))
    )
    for trainer in (plain, heavy):
        trainer.fit()
    assert records(heavy)[-1]["initial"] < records(plain)[-1]["initial"]


@pytest.mark.parametrize("balancer", ["WeightedSum", "MomentumConFIG", "MultiAdam", "ReLoBRaLo"])
def test_a_rehearsal_changes_nothing(tmp_path, balancer):
    stages = [Stage("SGD", steps=12, options={"lr": 1e-3}, balancer=Component(balancer))]
    rehearsed, plain = (start(pinn_config(tmp_path / name, stages)) for name in "ab")
    rehearsed.rehearse()
    for trainer in (rehearsed, plain):
        trainer.fit()
    assert all(torch.equal(p, q) for p, q in zip(rehearsed.parameters, plain.parameters, strict=True))


def test_every_stage_is_checked_before_the_first(tmp_path):
    with pytest.raises(ValueError, match=r"train\.stages\[1\]: unknown optimizer 'Adm'"):
        start(pinn_config(tmp_path, [Stage("Adam", steps=1), Stage("Adm", steps=1)]))
    stages = [Stage("Adam", steps=1), Stage("Adam", steps=1, balancer=Component("MultiAdam"))]
    with pytest.raises(ValueError, match="Adam with the balancer MultiAdam, which makes whole updates"):
        start(pinn_config(tmp_path / "balancers", stages)).rehearse()


def test_stages_without_a_balancer_share_one_and_others_have_their_own(tmp_path):
    stages = [
        Stage("Adam", steps=2),
        Stage("SGD", steps=2, options={"lr": 1e-3}, balancer=Component("MultiAdam")),
        Stage("Adam", steps=2),
    ]
    trainer = start(pinn_config(tmp_path, stages, balancer=Component("ReLoBRaLo")))
    first, own, last = trainer.balancers
    assert first is last
    assert type(own) is MultiAdam
    trainer.fit()
    weights = [record.get("weights") for record in records(trainer)]
    assert weights[0] == {"momentum": 1.0, "boundary": 1.0, "initial": 1.0}
    assert weights[2:4] == [None, None]
    assert weights[4] != weights[0]


def test_gradient_clipping(tmp_path):
    config = pinn_config(tmp_path, [Stage("SGD", steps=1, options={"lr": 1.0})], gradient_clip=1e-3)
    trainer = start(config)
    before = torch.nn.utils.parameters_to_vector(trainer.parameters).detach().clone()
    trainer.fit()
    moved = torch.nn.utils.parameters_to_vector(trainer.parameters).detach() - before
    assert float(moved.norm()) == pytest.approx(1e-3, rel=1e-3)


def test_epochs_need_a_data_set(tmp_path):
    with pytest.raises(ValueError, match="epochs need a data set; give steps"):
        start(pinn_config(tmp_path, [Stage("Adam", epochs=3)]))


def test_metrics_file(tmp_path):
    trainer = start(pinn_config(tmp_path, STAGES["adam"]))
    trainer.fit()
    lines = [json.loads(line) for line in trainer.run.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert {"step", "wall_s", "lr", "momentum", "boundary", "initial"} <= lines[0].keys()
    assert "rel_l2" in lines[-1]
    assert [type(balancer) for balancer in trainer.balancers] == [WeightedSum]


def test_least_squares_weighs_the_losses_by_itself_and_says_so(tmp_path):
    trainer = start(pinn_config(tmp_path / "a", [Stage("LevenbergMarquardt", steps=3)]))
    trainer.fit()
    weights = [record["weights"] for record in records(trainer)]
    assert set(weights[0]) == {"momentum", "boundary", "initial"}
    assert min(weights[0].values()) == 1
    assert max(weights[0].values()) > 1
    # they are refreshed once in a while, not at every step
    assert weights[0] == weights[2]


def test_weights_of_the_user_stay(tmp_path):
    given = Component("WeightedSum", {"weights": {"initial": 10.0}})
    trainer = start(pinn_config(tmp_path / "a", [Stage("LevenbergMarquardt", steps=2)], balancer=given))
    trainer.fit()
    assert records(trainer)[0]["weights"] == {"momentum": 1.0, "boundary": 1.0, "initial": 10.0}


@pytest.mark.parametrize("kill_at", [2, 5])
def test_an_average_resumes_bit_for_bit(tmp_path, monkeypatch, kill_at):
    def config(name):
        return pinn_config(tmp_path / name, [Stage("Adam", steps=8, options={"lr": 1e-2})], ema=0.7)

    assert_resumes_bit_for_bit(monkeypatch, config, kill_at)


def test_the_average_is_that_of_the_weights_after_each_step(tmp_path):
    stages = [Stage("Adam", steps=6, options={"lr": 1e-2})]
    ends = []
    for steps in range(1, 7):
        short = start(pinn_config(tmp_path / str(steps), [Stage("Adam", steps=steps, options={"lr": 1e-2})]))
        short.fit()
        ends.append(torch.cat([p.detach().flatten() for p in short.model.parameters()]))
    expected = ends[0]
    for weights in ends[1:]:
        expected = 0.7 * expected + 0.3 * weights
    averaged = start(pinn_config(tmp_path / "averaged", stages, ema=0.7))
    averaged.fit()
    found = torch.cat([p.detach().flatten() for p in averaged.model.parameters()])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_early_stopping_keeps_the_best_weights_and_resumes(tmp_path, diffusion_files, monkeypatch):
    """Validation errors are made to rise from the third on."""
    errors = [0.5, 0.4, 0.6, 0.7, 0.8]

    def config(name):
        return operator_config(
            tmp_path / name, diffusion_files, validation=0.25, validate_every=1, patience=2
        )

    def with_errors(trainer, seen):
        def validate(model):
            seen.append({name: value.clone() for name, value in model.state_dict().items()})
            return {"val_rel_l2": errors[len(seen) - 1]}

        monkeypatch.setattr(trainer.task, "validate", validate)
        return trainer

    seen = []
    trainer = with_errors(start(config("run")), seen)
    trainer.fit()
    assert trainer.step == len(seen) == 4
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, seen[1][name]), name
    resumed = start(config("run"), resume=True)
    resumed.fit()
    assert resumed.step == 4
    for name, value in resumed.model.state_dict().items():
        assert torch.equal(value, seen[1][name]), name


def test_points_stay_at_the_end_and_resume_bit_for_bit(tmp_path, monkeypatch):
    drawn = []

    def config(name):
        config = pinn_config(tmp_path / name, [Stage("Adam", steps=16, options={"lr": 1e-2})])
        return replace(config, points=replace(config.points, resample_until=0.5))

    trainer = start(config("looked at"))
    original = trainer.task.batch
    trainer.task.batch = lambda step, model: drawn.append(original(step, model)) or drawn[-1]
    trainer.fit()
    in_training = drawn[-16:]
    assert [i for i in range(1, 16) if in_training[i] is not in_training[i - 1]] == [3, 6]
    assert_resumes_bit_for_bit(monkeypatch, config, kill_at=11)
