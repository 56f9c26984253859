"""Story 3: evaluate zero-shot super-resolution.

Trains on Burgers at 64 points and evaluates at 64, 128 and 256, beside the control that every claim of
super-resolution has to beat: interpolating the model's own prediction at 64 points.
python examples/03_superresolution.py [EPOCHS]
"""

import sys
from pathlib import Path

from sciml import load_config
from sciml.experiment import train

SAMPLE = Path(__file__).parents[1] / "datasets" / "burgers" / "sample"


def main(epochs: int = 20, ratio_at_most: float = 1.05, output: str = "runs/03_superresolution") -> float:
    config = load_config(Path(__file__).with_name("burgers_fno.yaml"), ["--output", output])
    config.train.stages[0].epochs = epochs
    config.data.train = str(SAMPLE / "train_64.h5")
    config.data.test = [str(SAMPLE / f"test_{n}.h5") for n in (64, 128, 256)]
    report, table = train(config, overwrite=True)
    print(table)
    print(f"open {output}/report.html")
    worst = max(row["ratio_to_train"] for row in report["superresolution"])
    assert worst < ratio_at_most
    return worst


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
