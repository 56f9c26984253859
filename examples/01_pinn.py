"""Story 1: define a PDE and train a PINN.

Viscous Burgers turns a sine into a shock. The same residual that trains the network would run on a grid.
python examples/01_pinn.py [STEPS]
"""

import math
import sys
from dataclasses import dataclass

import torch

from pdes import PDE, Axis, Dirichlet, Grid, Initial, Interval, Problem, TimeDomain, check_pde
from pdes.benchmarks.burgers_shock import cole_hopf
from sciml import Component, Config, PointsConfig, Stage, TrainConfig
from sciml.experiment import train

NU = 0.1 / math.pi


@dataclass(frozen=True)
class Burgers(PDE):
    """u_t + u u_x = ν u_xx."""

    nu: float = NU
    coords, fields = ("x", "t"), ("u",)

    def residual(self, s, d):
        return {"momentum": d(s.u, "t") + s.u * d(s.u, "x") - self.nu * d(s.u, "xx")}


def problem() -> Problem:
    return Problem(
        name="sine",
        pde=Burgers(),
        domain=Interval(-1, 1) * TimeDomain(0, 1),
        conditions=(Dirichlet("u", 0.0), Initial("u", lambda z: -torch.sin(math.pi * z[:, 0]))),
        reference=lambda z: cole_hopf(z, NU),
        test_grid=Grid([Axis("x", 128, -1, 1, "vertices"), Axis("t", 51, 0, 1, "vertices")]),
        source="exact (Cole-Hopf)",
    )


def main(steps: int = 150, at_most: float = 1e-3, output: str = "runs/01_pinn") -> float:
    print(check_pde(Burgers(), solution=lambda z: cole_hopf(z, NU)))
    config = Config(
        output=output,
        dtype="float64",
        problem=Component(f"{__file__}:problem"),
        points=PointsConfig(interior=1000, conditions={"boundary": 50, "initial": 100}),
        model=Component("MLP", {"width": 20, "depth": 3}),
        train=TrainConfig(
            stages=[Stage("Adam", steps=200, options={"lr": 5e-3}), Stage("LBFGS", steps=steps)]
        ),
    )
    report, table = train(config, overwrite=True)
    print(table)
    print(f"open {output}/report.html")
    assert report["rel_l2"] < at_most
    return report["rel_l2"]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
