import pytest
import torch

from operators import FNO, LSM
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
        "energy_beyond_nyquist.png",
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


def square(tmp_path, n=9, name="square.h5", samples=40, **axis):
    grid = Grid([Axis("x", n, **axis), Axis("y", n, **axis)])
    a = torch.rand(samples, n, n, generator=torch.Generator().manual_seed(0))
    return dataset(write_well(tmp_path / name, {"a": a, "u": 2 * a}, grid, name="square"))


def test_symmetries(tmp_path, model):
    data = square(tmp_path, convention="vertices")
    plain = OperatorTask(data, batch_size=40)
    moved = OperatorTask(data, batch_size=40, symmetries=["permutations"])
    x, _ = plain.batch(0, model)
    tx, ty = moved.batch(0, model)
    assert torch.equal(ty, 2 * tx)
    was_swapped = [torch.equal(t, s.mT) for t, s in zip(tx, x, strict=True)]
    assert all(torch.equal(t, s) or swap for t, s, swap in zip(tx, x, was_swapped, strict=True))
    assert 10 < sum(was_swapped) < 30
    assert torch.equal(tx, moved.batch(0, model)[0])
    assert not torch.equal(tx, moved.batch(1, model)[0])


def test_a_pseudoscalar_changes_its_sign_with_the_orientation(tmp_path, model):
    data = square(tmp_path, convention="vertices")
    moved = OperatorTask(data, batch_size=40, symmetries=["permutations"], pseudo=["u"])
    x, y = moved.batch(0, model)
    signs = (y / (2 * x)).mean((1, 2, 3))
    torch.testing.assert_close(signs.abs(), torch.ones(40))
    whole = data.load()[0]
    for field, sign in zip(x, signs, strict=True):
        assert sign > 0 or not any(torch.equal(field, other) for other in whole)
    with pytest.raises(ValueError, match=r"data\.pseudo names w; inputs and targets are a, u"):
        OperatorTask(data, symmetries=["permutations"], pseudo=["w"])


def test_batches_lie_on_all_coarser_grids(tmp_path):
    """Each is the subsampled batch of the file, with a loss on its own grid."""
    data = square(tmp_path, convention="vertices")
    plain = OperatorTask(data, batch_size=10)
    task = OperatorTask(data, [data], batch_size=10, loss="h1", coarsening=[2, 4])
    model = NormalizedOperator(
        FNO(1, 1, [2, 2], 4, grid="vertices"), *task.normalizers("standard", "standard")
    )
    counts = dict.fromkeys((9, 5, 3), 0)
    for step in range(60):
        x, y = batch = task.batch(step, model)
        every = 8 // (x.shape[-1] - 1)
        assert torch.equal(x, plain.batch(step, model)[0][:, :, ::every, ::every])
        assert torch.equal(y, 2 * x)
        expected = relative_h1(model(x), y, task.grid.resized(x.shape[-1])).mean()
        torch.testing.assert_close(task.losses(model, batch)["relative_h1"], expected)
        counts[x.shape[-1]] += 1
    assert min(counts.values()) > 10
    assert task.largest_batch(model)[0].shape[-1] == 9
    rows = task.evaluate(model).metrics["coarsening"]
    assert [row["resolution"] for row in rows] == [5, 3]


def test_coarse_grids_come_first(tmp_path, model):
    """The coarsest for half of the share that is theirs, whatever their order, and then the file's own."""
    data = square(tmp_path, convention="vertices")
    task = OperatorTask(data, batch_size=10, coarsening=[2, 4], coarse_until=0.6)
    plain = OperatorTask(data, batch_size=10)
    for progress, points in ((0.0, 3), (0.29, 3), (0.31, 5), (0.59, 5), (0.6, 9), (1.0, 9)):
        task.progress = progress
        for step in range(3):
            x, _ = task.batch(step, model)
            every = 8 // (points - 1)
            assert torch.equal(x, plain.batch(step, model)[0][:, :, ::every, ::every])


def test_a_grid_too_coarse_for_the_model_is_named(tmp_path):
    task = OperatorTask(square(tmp_path, convention="vertices"), coarsening=[4])
    model = NormalizedOperator(
        FNO(1, 1, [4, 4], 4, grid="vertices"), *task.normalizers("standard", "standard")
    )
    with pytest.raises(ValueError, match="training at 3 x 3 points: axis 0 has 3 points, too few for the 4"):
        task.check(model)
    bound = NormalizedOperator(
        LSM(1, 1, dims=2, width=8, scales=2, patch=2, grid="vertices", size=[9, 9]),
        model.inputs,
        model.targets,
    )
    with pytest.raises(ValueError, match=r"training at 3 x 3 points: .* the model is for 9 x 9"):
        task.check(bound)


def test_files_on_several_grids_take_turns(diffusion_files, model):
    """An epoch holds every sample of both files once, each batch on one grid."""
    coarse, fine = (dataset(diffusion_files[name]) for name in ("train", "test_fine"))
    task = OperatorTask(fine, also=[coarse], batch_size=8)
    assert task.steps_per_epoch == 9
    assert task.grid.shape == (32,)
    for first in (0, 9):
        batches = [task.batch(first + k, model)[0] for k in range(9)]
        for file in (coarse, fine):
            seen = torch.cat([x for x in batches if x.shape[2:] == file.grid.shape])
            assert torch.equal(seen.sum((1, 2)).sort().values, file.load()[0].sum((1, 2)).sort().values)
    turns = [[task.batch(first + k, model)[0].shape[2] for k in range(9)] for first in (0, 9, 18)]
    assert turns[0] != turns[1] or turns[1] != turns[2]
    assert torch.equal(
        task.batch(5, model)[0], OperatorTask(fine, also=[coarse], batch_size=8).batch(5, model)[0]
    )


@pytest.mark.parametrize("loss", ["l2", "h1"])
def test_channel_weights_rescale_the_norm(diffusion_files, loss):
    """‖u‖² = 4 ‖u₁‖² + ‖u₂‖² is the plain norm of (2 u₁, u₂), and common factors cancel."""
    data = FieldDataset(diffusion_files["train"], ["a"], ["u", "a"])

    def losses(weights):
        task = OperatorTask(data, loss=loss, channel_weights=weights)
        torch.manual_seed(0)
        model = NormalizedOperator(FNO(1, 2, [6], 4), *task.normalizers("standard", "standard"))
        task.check(model)
        x, y = batch = task.batch(0, model)
        scale = torch.tensor([2.0, 1.0])[:, None]
        pair = scale * model(x), scale * y
        expected = relative_l2(*pair) if loss == "l2" else relative_h1(*pair, task.grid)
        return task.losses(model, batch)[f"relative_{loss}"], expected.mean()

    torch.testing.assert_close(*losses([4.0, 1.0]))
    torch.testing.assert_close(losses([8.0, 2.0])[0], losses([4.0, 1.0])[0])
    torch.testing.assert_close(losses([1.0, 1.0])[0], losses([])[0])
    with pytest.raises(ValueError, match=r"channel_weights has 3 weights; the model has 2 target"):
        losses([1.0, 1.0, 1.0])


def test_input_noise_is_new_at_each_step_and_fixed_for_tests(diffusion_files, model):
    train, test = dataset(diffusion_files["train"]), dataset(diffusion_files["test"])

    def task(seed=0, noise=0.1):
        return OperatorTask(train, [test], validation=test, batch_size=64, input_noise=noise, seed=seed)

    def noise_of(step, seed=0):
        x, y = task(seed).batch(step, model)
        clean = OperatorTask(train, batch_size=64, seed=seed).batch(step, model)
        assert torch.equal(y, clean[1])
        return x - clean[0]

    first, second = (noise_of(step) for step in (0, 1))
    assert first.norm() / train.load()[0].norm() == pytest.approx(0.1, rel=0.1)
    assert torch.equal(first, noise_of(0))
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
    assert len({name for name, _, _ in evaluation.figures}) == len(evaluation.figures) == 5
    assert len({row["name"] for row in evaluation.metrics["superresolution"]}) == 2
