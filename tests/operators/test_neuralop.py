import pytest
import torch

from operators import NeuralopOperator, check_operator

pytest.importorskip("neuralop.models")

FNO = {"n_modes": [4, 4], "hidden_channels": 6, "n_layers": 2}
TFNO = {**FNO, "rank": 0.5}
UNO = {
    "hidden_channels": 6,
    "n_layers": 3,
    "channel_mlp_skip": "linear",
    "uno_out_channels": [6, 6, 6],
    "uno_n_modes": [[4, 4]] * 3,
    "uno_scalings": [[1, 1], [0.5, 0.5], [2, 2]],
}


@pytest.mark.parametrize(("name", "settings"), [("FNO", FNO), ("TFNO", TFNO), ("UNO", UNO)])
def test_contract(name, settings):
    check_operator(
        lambda: NeuralopOperator(2, 1, name, settings), sizes=[(8, 8), (12, 12)], dtypes=[torch.float32]
    )


@pytest.mark.parametrize(
    ("name", "settings", "options", "message"),
    [
        ("FNOO", FNO, {}, "neuralop.models has no model 'FNOO'"),
        ("FNO", {"modes": 4}, {}, "neuralop.models.FNO does not take these settings: .*modes"),
        (
            "FNO",
            FNO,
            {"grid": "vertices"},
            r"half-open points but grid is \['vertices', 'vertices'\]; use operators.FNO",
        ),
    ],
)
def test_wrong_arguments(name, settings, options, message):
    with pytest.raises(ValueError, match=message):
        NeuralopOperator(1, 1, name, settings, **options)
