"""High accuracy: a network of 257 parameters solves Poisson's equation to seven digits.

Three things make the difference: boundary values that hold exactly, float64, and Levenberg-Marquardt, which
sees the whole Jacobian of the residuals. Adam on the same network and points stands beside it.
python examples/05_high_accuracy.py [STEPS]
"""

import sys

from sciml import Component, Config, PointsConfig, Stage, TrainConfig
from sciml.experiment import train


def configuration(name: str, stage: Stage, output: str) -> Config:
    return Config(
        name=name,
        output=output,
        dtype="float64",
        problem=Component("poisson_2d"),
        exact=["all"],
        points=PointsConfig(interior=1500),
        model=Component("MLP", {"width": 64, "depth": 1}),
        train=TrainConfig(stages=[stage]),
    )


def main(steps: int = 500, at_most: float = 1e-7, output: str = "runs/05_high_accuracy") -> float:
    stages = {
        "adam": Stage("Adam", steps=10 * steps, schedule="cosine", options={"lr": 1e-2}),
        "least_squares": Stage("LevenbergMarquardt", steps=steps),
    }
    for name, stage in stages.items():
        folder = output if name == "least_squares" else f"{output}_{name}"
        report, table = train(configuration(name, stage, folder), overwrite=True)
        print(f"{name}: {report['wall_s']:.0f} s, {report['n_params']} parameters")
        print(table)
    print(f"open {output}/report.html")
    assert report["rel_l2"] < at_most
    return report["rel_l2"]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
