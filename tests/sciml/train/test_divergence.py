import logging

import pytest
from training_runs import pinn_config, start

from sciml.config import Stage
from sciml.train.divergence import DivergenceWatch


def warnings(caplog, *rows):
    """What is said of losses a and b, row by row, 100 steps apart."""
    watch = DivergenceWatch()
    with caplog.at_level(logging.WARNING):
        for index, (a, b) in enumerate(rows):
            watch.observe(100 * index, {"a": a, "b": b})
    return [record.getMessage() for record in caplog.records]


FALL = [(0.5**k, 2 * 0.5**k) for k in range(20)]


def test_a_collapse_is_said_once_with_the_remedy(caplog):
    said = warnings(caplog, *FALL, *[(1.0, 2.0)] * 100)
    assert len(said) == 1
    assert said[0].startswith(
        "step 2400: training has diverged: a 5.00e-01 after 4.58e-05 near step 1900, b 1.00e+00 after 9.16e-05 near"
    )
    assert "train.gradient_clip" in said[0]


@pytest.mark.parametrize(
    "rows",
    [
        [*FALL, *reversed(FALL[8:]), *FALL[8:]],  # up again, but not to where it began
        [*FALL, *[(1.0, 2.0)] * 4, *FALL[10:]],  # hard batches
        [(1e-6, 1.0)] * 10 + [(1.0, 1e-6)] * 50,  # one loss for another
        [(1.0, 1.0)] * 100,
    ],
)
def test_nothing_is_said_of_other_runs(caplog, rows):
    assert warnings(caplog, *rows) == []


def test_the_trainer_has_it_watched(tmp_path, caplog):
    trainer = start(pinn_config(tmp_path, [Stage("Adam", steps=60, options={"lr": 1e-3})]))
    original = trainer.task.losses

    def losses(model, batch):
        factor = 1.0 if trainer.step < 20 else 1e-3 if trainer.step < 40 else 10.0
        return {name: factor * loss for name, loss in original(model, batch).items()}

    trainer.task.losses = losses
    with caplog.at_level(logging.WARNING, logger="sciml.train.divergence"):
        trainer.fit()
    assert caplog.text.count("training has diverged") == 1
