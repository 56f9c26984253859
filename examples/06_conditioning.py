"""Conditioning: why gradient descent stalls, and what rescaled parameters do about it.

Draws the spectrum of A = JᵀJ for Poisson's equation: of a trigonometric series as it is, with its parameters rescaled by
k², scaled to a unit diagonal, and of a tanh network.
python examples/06_conditioning.py [HARMONICS]
"""

import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure

from operators import MLP, FourierSeries
from pdes.benchmarks import poisson_1d
from sciml.optim import conditioning, precondition
from sciml.plots import save

WEIGHTS = {"u_boundary": 0.1}


def main(harmonics: int = 32, output: str = "runs/06_conditioning") -> float:
    torch.manual_seed(0)
    problem = poisson_1d()
    bounds = {"lower": problem.domain.lower, "upper": problem.domain.upper}
    models = {
        "series": FourierSeries(1, 1, harmonics=harmonics, **bounds),
        "series, parameters over k²": FourierSeries(1, 1, harmonics=harmonics, order=2, **bounds),
        "series, preconditioned": FourierSeries(1, 1, harmonics=harmonics, **bounds),
        "tanh network": MLP(1, 1, width=7, depth=2, **bounds),
    }
    precondition(problem, models["series, preconditioned"].double(), weights=WEIGHTS)
    figure = Figure(figsize=(6, 4), dpi=150, layout="constrained")
    panel = figure.subplots()
    numbers = {}
    for name, model in models.items():
        found = conditioning(problem, model.double(), weights=WEIGHTS)
        print(f"{name}: {found}")
        panel.semilogy(found.eigenvalues / found.eigenvalues[0], ".-", label=name)
        numbers[name] = found.range_condition_number
    panel.axhline(found.cutoff, color="grey", linestyle="--", linewidth=1)
    panel.annotate("rounding", (0, found.cutoff), xytext=(3, 3), textcoords="offset points", color="grey")
    panel.set(xlabel="index", ylabel="eigenvalue of A / the largest", ylim=(0.1 * found.cutoff, 3))
    panel.legend(frameon=False)
    Path(output).mkdir(parents=True, exist_ok=True)
    print(f"open {save(figure, f'{output}/spectrum.png')}")
    assert numbers["series"] > harmonics**4
    assert numbers["series, parameters over k²"] < 10
    assert numbers["series, preconditioned"] < 10
    return numbers["series"]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
