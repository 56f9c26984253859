"""Story 2: train a neural operator on an HDF5 data set.

Makes a small Burgers data set with our own solver, from the initial state u(x, 0) to u(x, 1), and learns the map.
python examples/02_operator.py [SAMPLES] [EPOCHS]
"""

import sys
from pathlib import Path

from sciml import Component, Config, DataConfig, Stage, TrainConfig
from sciml.data import make_dataset, summarize
from sciml.experiment import train


def main(
    samples: int = 300, epochs: int = 60, at_most: float = 0.03, output: str = "runs/02_operator"
) -> float:
    folder = Path(output).with_name("02_data")
    for name, n, seed in (("train", samples, 0), ("test", 50, 1)):
        make_dataset("burgers", folder / f"{name}.h5", n_samples=n, resolution=64, seed=seed, overwrite=True)
    print(summarize(folder / "train.h5"))
    config = Config(
        output=output,
        data=DataConfig(
            train=str(folder / "train.h5"),
            test=[str(folder / "test.h5")],
            inputs=["u[0]"],
            targets=["u[-1]"],
            batch_size=20,
        ),
        model=Component("FNO", {"modes": [24], "width": 32}),
        train=TrainConfig(
            stages=[
                Stage(
                    "AdamW", epochs=epochs, schedule="one-cycle", options={"lr": 3e-3, "weight_decay": 1e-4}
                )
            ]
        ),
    )
    report, table = train(config, overwrite=True)
    print(table)
    print(f"open {output}/report.html")
    assert report["rel_l2"] < at_most
    return report["rel_l2"]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
