import pytest
import torch
from torch import nn

from operators import FNO
from pdes import Axis, Grid
from sciml.config import Component, Config, DataConfig, RolloutConfig, Stage, TrainConfig
from sciml.data import FieldDataset, FieldFile, write_well
from sciml.evaluate import relative_l2
from sciml.experiment import train
from sciml.predict import predict
from sciml.tasks import NormalizedOperator, RolloutTask, rollout
from sciml.tasks.rollout import interleaved_rollout, interpolated_rollout

N, FRAMES, SHIFT = 24, 9, 1 / 8


@pytest.fixture
def files(tmp_path):
    """Waves that move by an eighth of the period from frame to frame."""

    def write(name, n, samples, seed):
        generator = torch.Generator().manual_seed(seed)
        grid = Grid([Axis("x", n, periodic=True)])
        x = grid.points()[0] - SHIFT * torch.arange(FRAMES, dtype=torch.float64)[:, None]
        phases = torch.rand(samples, 2, 1, 1, generator=generator, dtype=torch.float64)
        w = torch.cos(2 * torch.pi * (x + phases[:, 0])) + 0.5 * torch.sin(4 * torch.pi * (x + phases[:, 1]))
        return write_well(
            tmp_path / name, {"w": w}, grid, times=[0.5 * i for i in range(FRAMES)], name="advection"
        )

    return {
        "train": write("train.h5", N, 16, 0),
        "test": write("test.h5", N, 4, 1),
        "fine": write("fine.h5", 2 * N, 4, 1),
    }


class Advection(nn.Module):
    """The exact step, with a factor on it: its only parameter."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x, coords=None):
        return self.factor * x[:, -1:].roll(round(SHIFT * x.shape[-1]), -1)


def task(files, inputs="w[0:3]", targets="w[3:9]", **options):
    def dataset(name):
        return FieldDataset(files[name], [inputs], [targets])

    return RolloutTask(dataset("train"), [dataset("test"), dataset("fine")], batch_size=8, **options)


def model_for(made, factor=1.0):
    operator = FNO(3, 1, [4], 4)
    model = NormalizedOperator(operator, *made.normalizers("standard", "standard"))
    model.operator = Advection(factor)
    model.inputs, model.targets = (type(model.inputs)(c, "none") for c in (3, 1))
    return model


def test_rollout_applies_the_model_to_its_own_output():
    """Fibonacci's numbers, two channels a frame."""
    frames = torch.tensor([[1.0, 10.0, 1.0, 10.0]])[..., None]
    found = rollout(lambda last: last[:, :2] + last[:, 2:], frames, 5)
    assert found[0, :, 0].tolist() == [2, 20, 3, 30, 5, 50, 8, 80, 13, 130]


def test_the_exact_step_has_no_error_at_any_resolution(files):
    made = task(files)
    evaluation = made.evaluate(model_for(made))
    assert [row["resolution"] for row in evaluation.metrics["superresolution"]] == [N, 2 * N]
    assert all(row["rel_l2"] < 1e-6 for row in evaluation.metrics["superresolution"])
    assert [curve["name"] for curve in evaluation.metrics["rollout"]] == ["test", "fine"]
    assert evaluation.metrics["rollout"][0]["times"] == [1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
    assert evaluation.figures[0][0] == "rollout.png"


def test_the_error_of_a_frame_is_that_of_the_factor_to_its_number(files):
    made = task(files)
    (curve, _) = made.evaluate(model_for(made, 0.9)).metrics["rollout"]
    torch.testing.assert_close(curve["rel_l2"], [1 - 0.9**k for k in range(1, 7)], rtol=1e-5, atol=0)
    # the last known frame, an eighth of a period of the first wave away and then ever more
    x, y = made.tests[0].inputs[:, -1:], made.tests[0].targets[:, :1]
    assert curve["persistence_rel_l2"][0] == pytest.approx(float(relative_l2(x, y).mean()))


def cubics(times):
    """Two channels that are polynomials of third degree in time, (1, 2, n, 1)."""
    t = torch.tensor(times, dtype=torch.float64)
    return torch.stack([t**3 - 2 * t, 0.5 * t**3 + t**2])[None, ..., None]


def test_frames_finer_in_time_are_rolled_out_from_each_of_them():
    def predict(last):
        """The next value of a cubic from four."""
        f = last.unflatten(1, (4, 2)).unbind(1)
        return 4 * f[3] - 6 * f[2] + 4 * f[1] - f[0]

    known = [i / 3 for i in range(12)]
    frames = cubics(known).movedim(2, 1).flatten(1, 2)
    expected = cubics([4 + i / 3 for i in range(7)]).movedim(2, 1).flatten(1, 2)
    grid = Grid([Axis("x", 2, periodic=True)])
    frames, expected = frames.expand(-1, -1, 2), expected.expand(-1, -1, 2)
    torch.testing.assert_close(interleaved_rollout(predict, frames, 3, 3, 2), expected)
    # and a spline of cubics is exact
    torch.testing.assert_close(interpolated_rollout(predict, frames, 3, 3, 2, grid), expected)
    assert torch.equal(
        interleaved_rollout(predict, frames[:, ::3], 3, 1, 2), rollout(predict, frames[:, ::3], 3)
    )


def test_the_control_in_time_starts_from_the_last_known_frame():
    """A model that predicts no change: all that it knows is the newest frame."""
    grid = Grid([Axis("x", 2, periodic=True)])
    frames = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 8.0])[None, :, None].expand(-1, -1, 2)
    found = interpolated_rollout(lambda last: last[:, -1:], frames, 5, 3, 1, grid)
    assert found.shape == (1, 13, 2)
    # knots at every third frame from the newest on
    torch.testing.assert_close(found[0, 2::3], torch.full((4, 2), 8.0))


def test_a_test_file_finer_in_time_is_compared_at_all_its_frames(files, tmp_path):
    generator = torch.Generator().manual_seed(2)
    grid = Grid([Axis("x", 4 * N, periodic=True)])
    x = grid.points()[0] - SHIFT / 4 * torch.arange(4 * FRAMES - 3, dtype=torch.float64)[:, None]
    w = torch.cos(2 * torch.pi * (x + torch.rand(3, 1, 1, generator=generator, dtype=torch.float64)))
    write_well(tmp_path / "often.h5", {"w": w}, grid, times=[i / 8 for i in range(w.shape[1])], name="often")
    dataset = [FieldDataset(path, ["w[0:3]"], ["w[3:9]"]) for path in (files["train"], tmp_path / "often.h5")]
    made = RolloutTask(dataset[0], [dataset[1]])
    metrics = made.evaluate(model_for(made)).metrics
    (row,) = metrics["superresolution"]
    assert (row["refinement"], row["protocol"], metrics["train_interval"]) == (4, "low-to-high", 0.5)
    assert row["rel_l2"] < 1e-6
    assert metrics["rollout"][0]["times"] == [1.5 + i / 8 for i in range(21)]
    # a cosine at every eighth of its period, interpolated: an error, but a small one
    assert 1e-4 < row["interpolated_rel_l2"] < 0.05


def test_a_test_file_with_other_intervals_is_refused(files, tmp_path):
    w = torch.rand(2, 9, N)
    grid = Grid([Axis("x", N, periodic=True)])
    for name, interval in (("slow", 1.0), ("odd", 0.2)):
        times = [interval * i for i in range(9)]
        write_well(tmp_path / f"{name}.h5", {"w": w}, grid, times=times, name=name)
        with pytest.raises(ValueError, match=rf"{name}\.h5: frames are {interval:g} apart, in training 0\.5"):
            RolloutTask(
                FieldDataset(files["train"], ["w[0:3]"], ["w[3:9]"]),
                [FieldDataset(tmp_path / f"{name}.h5", ["w[0:3]"], ["w[3:9]"])],
            )


def test_stretches_begin_anywhere(files):
    made = task(files, unroll=2)
    exact, starts = model_for(made), set()
    for step in range(60):
        frames, truth = made.batch(step, exact)
        assert (frames.shape[1], truth.shape[1]) == (3, 2)
        assert float(made.losses(exact, (frames, truth))["relative_l2"].detach()) < 1e-6
        series = torch.cat(made.train.load(), 1)
        starts |= {s for s in range(5) if any(torch.equal(frames[0], row[s : s + 3]) for row in series)}
    assert starts == {0, 1, 2, 3, 4}


def test_losses_weigh_frames_alike_and_gradients_go_through_all_of_them(files):
    made = task(files, unroll=3)
    model = model_for(made, 0.9)
    loss = made.losses(model, made.batch(0, model))["relative_l2"]
    loss.backward()
    # the mean over k of 1 - fᵏ, with the derivative -k fᵏ⁻¹
    assert float(loss.detach()) == pytest.approx(sum(1 - 0.9**k for k in (1, 2, 3)) / 3, rel=1e-5)
    assert float(model.operator.factor.grad) == pytest.approx(-(1 + 2 * 0.9 + 3 * 0.81) / 3, rel=1e-5)


def test_pushforward_takes_the_last_frame_and_its_gradient_alone(files):
    made = task(files, unroll=3, pushforward=True)
    model, seen = model_for(made, 0.9), []
    for step in range(30):
        frames, truth = batch = made.batch(step, model)
        steps = truth.shape[1]
        seen.append(steps)
        loss = made.losses(model, batch)["relative_l2"]
        (gradient,) = torch.autograd.grad(loss, [model.operator.factor])
        assert float(loss.detach()) == pytest.approx(1 - 0.9**steps, rel=1e-5)
        # the last step's alone: of 1 - f 0.9ⁿ⁻¹ at f = 0.9
        assert float(gradient) == pytest.approx(-(0.9 ** (steps - 1)), rel=1e-5)
        before = rollout(lambda last: model.on(last, made.grid), frames, steps - 1).detach()
        inputs = torch.cat([frames, before], 1)[:, -3:]
        alone = relative_l2(model.on(inputs, made.grid), truth[:, -1:]).mean()
        assert torch.equal(gradient, torch.autograd.grad(alone, [model.operator.factor])[0])
    assert {seen.count(steps) > 4 for steps in (1, 2, 3)} == {True}


def test_noise_has_its_norm_and_repeats(files):
    quiet, noisy = task(files), task(files, noise=0.1)
    clean, other = (made.batch(3, model_for(made))[0] for made in (quiet, noisy))
    assert float(relative_l2(other, clean).mean()) == pytest.approx(0.1, rel=0.2)
    assert torch.equal(other, noisy.batch(3, model_for(noisy))[0])


def test_statistics_are_those_of_all_frames(files):
    made = task(files)
    inputs, targets = made.normalizers("standard", "scale")
    series = torch.cat(made.train.load(), 1)
    torch.testing.assert_close(inputs.std, series.std(correction=0).expand(3))
    torch.testing.assert_close(targets.std, series.square().mean().sqrt().expand(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": "w[0:3]", "targets": "w[4:9]"}, "frames of one field to those that follow"),
        ({"unroll": 7}, "unroll is 7, but data.targets has 6 frames"),
    ],
)
def test_errors(files, options, message):
    with pytest.raises(ValueError, match=message):
        task(files, **options)


@pytest.fixture
def config(files, tmp_path):
    return Config(
        output=str(tmp_path / "run"),
        data=DataConfig(
            train=str(files["train"]),
            test=[str(files["test"]), str(files["fine"])],
            inputs=["w[0:2]"],
            targets=["w[2:9]"],
            batch_size=8,
        ),
        model=Component("FNO", {"modes": [4], "width": 16, "layers": 1}),
        train=TrainConfig(
            stages=[Stage("Adam", steps=300, schedule="one-cycle", options={"lr": 1e-2})],
            rollout=RolloutConfig(unroll=2, noise=0.01),
        ),
    )


def test_a_run_learns_the_step_and_predicts_files(config, files, tmp_path):
    report, _ = train(config)
    assert report["rel_l2"] < 0.1
    assert report["superresolution"][1]["rel_l2"] < 0.1
    out = predict(config.output, files["fine"], tmp_path / "out.h5")
    with FieldFile(out) as found, FieldFile(files["fine"]) as truth:
        assert found.times.tolist() == truth.times[2:].tolist()
        expected = torch.from_numpy(truth.read("w")[:, 2:])
        errors = relative_l2(torch.from_numpy(found.read("w")).to(expected), expected)
    assert float(errors.mean()) == pytest.approx(report["superresolution"][1]["rel_l2"], rel=1e-4)
