import pytest
import torch

from operators import FNO
from pdes import Axis, Grid
from sciml.data import FieldDataset, write_well
from sciml.evaluate import relative_h1, relative_l2
from sciml.tasks import NormalizedOperator, OperatorTask


def dataset(path, **options):
    return FieldDataset(path, ["a"], ["u"], **options)


@pytest.fixture
def task(diffusion_files):
    tests = [dataset(diffusion_files[name]) for name in ("test", "test_fine")]
    return OperatorTask(dataset(diffusion_files["train"]), tests, batch_size=24)


@pytest.fixture
def model(task):
    torch.manual_seed(0)
    operator = FNO(1, 1, [6], 8)
    return NormalizedOperator(operator, *task.normalizers("standard", "standard"))


def test_every_sample_once_an_epoch_in_an_order_of_its_own(task, model):
    assert task.steps_per_epoch == 3
    whole = task.train.load()[0]
    epochs = [torch.cat([task.batch(step, model)[0] for step in range(3 * e, 3 * e + 3)]) for e in (0, 1)]
    for epoch in epochs:
        assert torch.equal(epoch.flatten(1).sum(1).sort().values, whole.flatten(1).sum(1).sort().values)
    assert not torch.equal(*epochs)
    again = task.batch(1, model)
    assert torch.equal(again[0], epochs[0][24:48])


def test_statistics_are_those_of_the_training_data(task, model):
    x, y = task.train.load()
    torch.testing.assert_close(model.inputs.mean, x.mean((0, 2)))
    torch.testing.assert_close(model.targets.std, y.std((0, 2), correction=0))


def test_losses_are_relative_and_in_physical_units(task, model, diffusion_files):
    x, y = batch = task.batch(0, model)
    prediction = model(x)
    loss = task.losses(model, batch)["relative_l2"]
    torch.testing.assert_close(loss, relative_l2(prediction, y).mean())
    h1 = OperatorTask(dataset(diffusion_files["train"]), loss="h1")
    torch.testing.assert_close(
        h1.losses(model, batch)["relative_h1"], relative_h1(prediction, y, task.grid).mean()
    )


def test_evaluation_has_a_row_for_each_file_and_its_control(task, model):
    evaluation = task.evaluate(model)
    rows = evaluation.metrics["superresolution"]
    assert [row["resolution"] for row in rows] == [16, 32]
    assert evaluation.metrics["rel_l2"] == rows[0]["rel_l2"]
    assert rows[0]["interpolated_rel_l2"] is None
    assert rows[1]["ratio_to_train"] == pytest.approx(rows[1]["rel_l2"] / rows[0]["rel_l2"])
    assert {name for name, _, _ in evaluation.figures} == {
        "superresolution.png",
        "fields_test_16.png",
        "fields_test_32.png",
        "spectrum.png",
    }


def test_without_a_test_file_the_reason_is_given(diffusion_files, model):
    metrics = OperatorTask(dataset(diffusion_files["train"])).evaluate(model).metrics
    assert metrics == {"rel_l2": None, "rel_l2_why": "no test file was given (data.test)"}


def test_validation_samples_are_watched_instead_of_the_tests(diffusion_files, model):
    train = dataset(diffusion_files["train"], indices=range(48))
    held_out = dataset(diffusion_files["train"], indices=range(48, 64))
    task = OperatorTask(train, [dataset(diffusion_files["test"])], validation=held_out)
    x, y = held_out.load()
    with torch.no_grad():
        expected = float(relative_l2(model(x), y).mean())
    assert task.validate(model) == {"val_rel_l2": pytest.approx(expected, rel=1e-5)}


def test_transposition(tmp_path, model):
    grid = Grid([Axis("x", 6, periodic=True), Axis("y", 6, periodic=True)])
    a = torch.rand(40, 6, 6, generator=torch.Generator().manual_seed(0))
    path = write_well(tmp_path / "square.h5", {"a": a, "u": 2 * a}, grid, name="square")
    plain = OperatorTask(dataset(path), batch_size=40)
    swapped = OperatorTask(dataset(path), batch_size=40, transpose=True)
    x, _ = plain.batch(0, model)
    tx, ty = swapped.batch(0, model)
    assert torch.equal(ty, 2 * tx)
    was_swapped = [torch.equal(t, s.mT) for t, s in zip(tx, x, strict=True)]
    assert all(torch.equal(t, s) or swap for t, s, swap in zip(tx, x, was_swapped, strict=True))
    assert 10 < sum(was_swapped) < 30
    assert torch.equal(tx, swapped.batch(0, model)[0])
    assert not torch.equal(tx, swapped.batch(1, model)[0])


def test_input_noise_is_new_at_each_step_and_fixed_for_tests(diffusion_files, model):
    train, test = dataset(diffusion_files["train"]), dataset(diffusion_files["test"])

    def task(seed=0, noise=0.1):
        return OperatorTask(train, [test], validation=test, batch_size=64, input_noise=noise, seed=seed)

    def noise_of(step, task):
        x, y = task.batch(step, model)
        clean = OperatorTask(train, batch_size=64, seed=task._seed).batch(step, model)
        assert torch.equal(y, clean[1])
        return x - clean[0]

    first, second = (noise_of(step, task()) for step in (0, 1))
    assert first.norm() / train.load()[0].norm() == pytest.approx(0.1, rel=0.1)
    assert torch.equal(first, noise_of(0, task()))
    correlation = (first * second).sum() / first.norm() / second.norm()
    assert abs(correlation) < 0.2
    x, y = test.load()
    (measured,) = task().tests
    assert (measured.inputs - x).norm() / x.norm() == pytest.approx(0.1, rel=0.1)
    assert torch.equal(measured.targets, y)
    assert torch.equal(measured.inputs, task().tests[0].inputs)
    assert not torch.equal(measured.inputs, task(seed=1).tests[0].inputs)
    assert torch.equal(task(noise=0.0).tests[0].inputs, x)
    assert task().validate(model)["val_rel_l2"] == pytest.approx(
        float(relative_l2(model(measured.inputs), y).mean().detach()), rel=1e-5
    )
    # the statistics of the model are those of the fields, not of the noise
    torch.testing.assert_close(task().normalizers("standard", "scale")[0].std, model.inputs.std)


def test_test_files_must_fit(tmp_path, diffusion_files):
    grid = Grid([Axis("x", 16, upper=2.0, periodic=True)])
    write_well(tmp_path / "long.h5", {"a": torch.rand(3, 16), "u": torch.rand(3, 16)}, grid, name="long")
    with pytest.raises(ValueError, match=r"long\.h5: axis 'x' is half-open on \[0, 2\], in training"):
        OperatorTask(dataset(diffusion_files["train"]), [dataset(tmp_path / "long.h5")])
    two = FieldDataset(diffusion_files["test"], ["a", "u"], ["u"])
    with pytest.raises(ValueError, match="has 2 input channel"):
        OperatorTask(dataset(diffusion_files["train"]), [two])


def test_files_of_one_name_are_told_apart(tmp_path, diffusion_files, model):
    for folder, name in (("a", "test"), ("b", "test_fine")):
        (tmp_path / folder).mkdir()
        diffusion_files[name].rename(tmp_path / folder / "test.h5")
    tests = [dataset(tmp_path / folder / "test.h5") for folder in "ab"]
    task = OperatorTask(dataset(diffusion_files["train"]), tests)
    assert len(task.validate(model)) == 2
    evaluation = task.evaluate(model)
    assert len({name for name, _, _ in evaluation.figures}) == len(evaluation.figures) == 4
    assert len({row["name"] for row in evaluation.metrics["superresolution"]}) == 2
