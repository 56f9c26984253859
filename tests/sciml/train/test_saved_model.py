from dataclasses import asdict

import pytest
import torch

from operators import FNO, MLP
from pdes import Axis, Grid
from sciml.assemble import make_pinn
from sciml.config import Component, Config, PointsConfig
from sciml.data import FieldKind, Normalizer, Symmetries
from sciml.tasks import NormalizedOperator
from sciml.train import load_model, save_model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pinn_comes_back(tmp_path, dtype):
    network = MLP(2, 1, width=5, depth=2, lower=[0, -1], upper=[3, 1], activation="sin").to(dtype)
    save_model(tmp_path, network, {"kind": "pinn", "coords": ["x", "t"], "fields": ["u"]})
    again, description = load_model(tmp_path)
    z = torch.rand(9, 2, dtype=dtype)
    assert torch.equal(again(z), network(z))
    assert description["coords"] == ["x", "t"]


def test_a_known_part_of_the_solution_comes_back_with_its_network(tmp_path):
    config = Config(
        problem=Component("lid_driven_cavity"), model=Component("MLP", {"width": 5}), points=PointsConfig(9)
    )
    task, model, description = make_pinn(config, torch.float64, torch.device("cpu"))
    save_model(tmp_path, model, description)
    again, _ = load_model(tmp_path)
    z = task.problem.domain.sample(9, torch.Generator().manual_seed(0), torch.float64)
    assert torch.equal(again(z), model(z))
    torch.testing.assert_close(model(z) - model.network(z), task.problem.known(z))


def test_an_operator_comes_back_with_its_normalisation(tmp_path):
    operator = FNO(1, 1, [4, 4], 6, grid="vertices", domain=[(0, 2), (0, 1)], zero_boundary=True)
    fields = 5 + 3 * torch.rand(4, 1, 8, 8)
    model = NormalizedOperator(operator, Normalizer.fit([fields]), Normalizer.fit([fields], "scale"))
    save_model(tmp_path, model, {"kind": "operator", "normalize": ["standard", "scale"]})
    again, _ = load_model(tmp_path)
    assert torch.equal(again(fields), model(fields))


def test_an_operator_comes_back_with_its_symmetries(tmp_path):
    torch.manual_seed(0)
    grid = Grid([Axis(name, 8, convention="vertices") for name in "xy"])
    kinds = ([FieldKind()], [FieldKind()])
    symmetries = Symmetries(["reflections"], grid, *kinds)
    unit = [Normalizer(1, "none") for _ in range(2)]
    model = NormalizedOperator(FNO(1, 1, [4, 4], 6, grid="vertices"), *unit, symmetries).eval()
    description = {
        "kind": "operator",
        "normalize": ["none", "none"],
        "grid": [asdict(axis) for axis in grid],
        "symmetries": {"names": ["reflections"], "kinds": kinds},
    }
    save_model(tmp_path, model, description)
    again, _ = load_model(tmp_path)
    fields = torch.rand(4, 1, 8, 8)
    assert torch.equal(again(fields), model(fields))
    mirrored = model(fields).flip(2)
    torch.testing.assert_close(model(fields.flip(2)), mirrored)
    model.train()
    assert not torch.allclose(model(fields.flip(2)), model(fields).flip(2))


def test_what_does_not_fit_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no trained model \(model\.json is missing\)"):
        load_model(tmp_path)
    save_model(tmp_path, MLP(2, 1, width=5), {"kind": "pinn"})
    text = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(text.replace('"width": 5', '"width": 6'))
    with pytest.raises(ValueError, match=r"model\.json and model\.safetensors do not fit together"):
        load_model(tmp_path)
