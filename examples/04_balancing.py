"""Balance losses that conflict: one problem, several balancers.

On the Helmholtz problem the residual of the equation is hundreds of times larger than that of the boundary values, and
plain Adam follows it alone. A balancer is one line of the configuration; each run's report shows its weights and
how the gradients lie to one another.
python examples/04_balancing.py [STEPS]
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

from sciml import Component, Config, PointsConfig, Stage, TrainConfig
from sciml.experiment import train
from sciml.plots import save

GROUPS = {"equation": ["helmholtz"], "conditions": ["u_boundary"]}
BALANCERS = {  # each with the optimiser that goes with it
    "WeightedSum": ({}, "Adam"),
    "ConFIG": ({}, "Adam"),
    "LRA": ({}, "Adam"),
    "NTK": ({}, "Adam"),
    "MultiAdam": ({"groups": GROUPS}, "SGD"),
}


def configuration(balancer: str, steps: int, output: Path) -> Config:
    options, optimizer = BALANCERS[balancer]
    return Config(
        name=balancer,
        output=str(output / balancer),
        problem=Component("helmholtz_2d"),
        points=PointsConfig(interior=1000, conditions={"u_boundary": 400}, resample_every=100),
        model=Component("MLP", {"width": 50, "depth": 3}),
        train=TrainConfig(
            balancer=Component(balancer, options),
            stages=[Stage(optimizer, steps=steps, schedule="cosine", options={"lr": 2e-3})],
        ),
    )


def main(steps: int = 3000, at_most: float = 0.1, output: str = "runs/04_balancing") -> float:
    folder = Path(output)
    errors = {}
    for name in BALANCERS:
        report, _ = train(configuration(name, steps, folder), overwrite=True)
        errors[name] = report["rel_l2"]
        print(f"{name:12} {errors[name]:.2e}  ({report['wall_s']:.0f} s)  {folder / name / 'report.html'}")
    figure = Figure(figsize=(6, 3), dpi=150, layout="constrained")
    figure.subplots().plot(list(errors.values()), list(errors), "o")
    figure.axes[0].set(xscale="log", xlabel="relative L2 error [–]", title=f"Helmholtz, {steps} steps")
    figure.axes[0].grid(axis="x", which="both", alpha=0.3)
    best = min(errors, key=errors.__getitem__)
    print(f"{best} is best; open {save(figure, folder / 'errors.png')}")
    assert errors[best] < at_most
    return errors[best]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
