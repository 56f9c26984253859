import pytest
import torch

from sciml.train import RunFolder


def test_an_existing_run_is_not_overwritten(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.require_free()
    run.create("a: 1\n")
    run.log({"step": 1})
    with pytest.raises(FileExistsError, match="use --overwrite to replace it, --resume to continue it"):
        run.require_free()
    run.require_free(overwrite=True)
    run.create("a: 2\n")
    assert run.records() == []
    assert run.config.read_text() == "a: 2\n"


def test_a_folder_that_is_no_run_is_never_overwritten(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="is not a run folder"):
        RunFolder(tmp_path).require_free(overwrite=True)


def test_what_is_not_the_runs_own_stays(tmp_path):
    run = RunFolder(tmp_path)
    run.create("")
    (tmp_path / "notes.txt").write_text("mine")
    run.create("")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_nothing_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run to resume"):
        RunFolder(tmp_path / "run").require_free(resume=True)


def test_records_after_the_checkpoint_are_dropped(tmp_path):
    run = RunFolder(tmp_path)
    for step in (1, 2, 3):
        run.log({"step": step})
    with run.metrics.open("a") as file:
        file.write('{"step": 4, "lo')  # killed while writing
    run.drop_records_after(2)
    assert run.records() == [{"step": 1}, {"step": 2}]


def test_checkpoint_round_trip(tmp_path):
    run = RunFolder(tmp_path)
    assert run.load_checkpoint(torch.device("cpu")) is None
    run.save_checkpoint({"model": {"w": torch.arange(3.0)}, "step": 7})
    state = run.load_checkpoint(torch.device("cpu"))
    assert state["step"] == 7
    assert torch.equal(state["model"]["w"], torch.arange(3.0))
