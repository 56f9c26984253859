"""Story 3: evaluate zero-shot super-resolution.

Trains on Darcy flow at 17 x 17 points and evaluates at 17, 33 and 65, beside the control that every claim of
super-resolution has to beat: interpolating the model's own prediction at 17 points. Then the predictions are judged by
the equation and the solver of the data.
python examples/03_superresolution.py [EPOCHS]
"""

import sys
from pathlib import Path

from sciml import load_config
from sciml.experiment import evaluate, train

SAMPLE = Path(__file__).parents[1] / "datasets" / "darcy" / "sample"


def main(epochs: int = 50, ratio_at_most: float = 1.0, output: str = "runs/03_superresolution") -> float:
    config = load_config(Path(__file__).with_name("darcy_fno.yaml"), ["--output", output])
    config.train.stages[0].epochs = epochs
    config.data.train = str(SAMPLE / "train_17.h5")
    config.data.test = [str(SAMPLE / f"test_{n}.h5") for n in (17, 33, 65)]
    train(config, overwrite=True)
    report, table = evaluate(output)
    print(table)
    for row in report["residual"]:
        print(
            f"{row['name']}, {row['norm']} norm of the residual: {row['prediction']:.3g}, reference {row['reference']:.3g}"
        )
    print(f"open {output}/evaluation/report.html")
    finest = report["superresolution"][-1]
    shares = finest["beyond_nyquist"]
    print(f"energy beyond the training grid: model {shares['prediction']:.2g}, truth {shares['truth']:.2g}")
    assert finest["ratio_to_train"] < ratio_at_most
    return finest["ratio_to_train"]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
