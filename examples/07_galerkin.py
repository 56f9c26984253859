"""Galerkin transformer on Darcy flow, forward and inverse.

Forward: from the permeability a to the pressure u. Inverse: from the pressure, measured with 1 % of noise, to the permeability,
which jumps (S. Cao, NeurIPS 2021). Both train at 17 x 17 points and are tested there and, zero-shot, at 33 and 65, beside the
interpolation of their own prediction at 17 points. On the inverse problem an FNO has as much time, and the mean
permeability is what a model gets that looks at nothing.
python examples/07_galerkin.py [SECONDS]   for each of the three models
"""

import sys
from pathlib import Path

import torch
from torch import Tensor

from sciml import Component, Config, load_config
from sciml.assemble import assemble
from sciml.data import FieldDataset, FieldFile
from sciml.evaluate import predictions, relative_l2
from sciml.experiment import train
from sciml.plots import plot_comparison, save
from sciml.train import load_model

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "datasets" / "darcy" / "sample"


def configuration(file: str, seconds: float, finest: int, folder: Path) -> Config:
    config = load_config(HERE / file, ["--output", str(folder)])
    config.data.train = str(SAMPLE / "train_17.h5")
    config.data.test = [str(SAMPLE / f"test_{n}.h5") for n in (17, 33, 65) if n <= finest]
    config.train.max_seconds, config.train.stages[0].epochs = seconds, 10_000  # time ends it
    return config


def first_test_sample(config: Config) -> tuple[Tensor, Tensor, Tensor]:
    """Input, with its noise, prediction and truth of a trained run on the finest test grid."""
    task, _, _, _ = assemble(config)
    test = task.tests[-1]
    model, _ = load_model(config.folder)
    predicted = predictions(task.predictor(model), test.inputs[:1], test.grid)
    return test.inputs[:1, 0], predicted[:, 0], test.targets[:1, 0]


def error_of_the_mean(config: Config) -> float:
    """Relative L2 error, on the finest test grid, of the mean of the training targets."""
    files = config.data.train, config.data.test[-1]
    (_, seen), (_, truth) = (FieldDataset(f, config.data.inputs, config.data.targets).load() for f in files)
    return float(relative_l2(seen.mean().expand_as(truth), truth).mean())


def main(
    seconds: float = 20, of_the_mean: float = 0.7, finest: int = 65, output: str = "runs/07_galerkin"
) -> float:
    folder = Path(output)
    forward = configuration("darcy_galerkin.yaml", seconds, finest, folder / "forward")
    inverse = configuration("darcy_inverse.yaml", seconds, finest, folder / "inverse")
    fno = configuration("darcy_inverse.yaml", seconds, finest, folder / "inverse_fno")
    fno.model = Component("FNO", {"modes": [8, 8], "width": 24})
    errors, shown = {}, []
    for name, config in {"forward": forward, "inverse": inverse, "inverse by FNO": fno}.items():
        report, table = train(config, overwrite=True)
        errors[name] = report["superresolution"][-1]["rel_l2"]
        shown.append(first_test_sample(config))
        print(f"{name}: {report['steps']} steps in {report['wall_s']:.0f} s\n{table}\n")
    errors["inverse by the mean"] = error_of_the_mean(inverse)
    print(f"at {finest} points:", ", ".join(f"{name} {error:.3f}" for name, error in errors.items()))
    fields = [torch.cat(rows) for rows in zip(*shown, strict=True)]
    grid = FieldFile(SAMPLE / f"test_{finest}.h5").grid
    figure = plot_comparison(*fields, grid, names=[("a", "u"), ("u", "a"), ("u", "a by FNO")])
    print(f"open {save(figure, folder / 'fields.png')}")
    assert errors["inverse"] < of_the_mean * errors["inverse by the mean"]
    return errors["inverse"]


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
