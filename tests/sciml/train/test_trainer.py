import json

import pytest
import torch
from training_runs import STAGES, operator_config, pinn_config, records, start

from sciml.assemble import assemble
from sciml.config import Component, Stage
from sciml.optim import MultiAdam, WeightedSum
from sciml.train import RunFolder, Trainer, TrainingError
from sciml.train import trainer as trainer_module


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
