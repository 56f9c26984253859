"""Models of the neuraloperator package as operators of this one, mostly for comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from operators.mixed_precision import full_precision
from operators.operator import Operator


class NeuralopOperator(Operator):
    """A model of ``neuralop.models``, by name: for instance ``NeuralopOperator(1, 1, "UNO", {...})``.

    The package is imported when the first model is built. Its models place their points at i/n, so the grid is
    half-open; use `FNO` for others. They compute in float32 only. neuraloperator 2.0 moves
    every wavenumber by one on an axis, other than the last, with an odd number of points: there a
    super-resolved field is wrong (see ``mend_odd_axes`` of `FNO.from_neuralop`).

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    model
        Name of the class in ``neuralop.models``: "FNO", "TFNO", "UNO", ...
    settings
        Its remaining arguments, by name.
    dims
        Number of grid axes.
    domain, grid
        See `Operator`.

    Raises
    ------
    ValueError
        For an unknown model, settings it does not take, or a grid that is not half-open.
    ImportError
        If neuraloperator is not installed.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        model: str,
        settings: dict[str, Any],
        *,
        dims: int = 2,
        domain: Sequence[tuple[float, float]] | None = None,
        grid: Sequence[str] | str = "half-open",
    ) -> None:
        super().__init__(in_channels, out_channels, dims=dims, domain=domain, grid=grid)
        if set(self.grid) != {"half-open"}:
            raise ValueError(
                f"neuralop models assume half-open points but grid is {list(self.grid)}; use operators.FNO for this grid"
            )
        from neuralop import models  # slow, so not on import

        kind = getattr(models, model, None)
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise ValueError(f"neuralop.models has no model {model!r}")
        try:
            self.model = kind(in_channels=in_channels, out_channels=out_channels, **settings)
        except TypeError as error:
            raise ValueError(f"neuralop.models.{model} does not take these settings: {error}") from error
        self.register_state_dict_post_hook(_drop_metadata)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> NeuralopOperator:
        # .to(float32) would drop the imaginary parts of the complex weights
        def convert(t: Tensor) -> Tensor:
            return torch.view_as_complex(fn(torch.view_as_real(t)).contiguous()) if t.is_complex() else fn(t)

        return super()._apply(convert, recurse)

    @full_precision  # its Fourier transforms know no bfloat16
    def operate(self, x: Tensor, points: list[Tensor]) -> Tensor:
        return self.model(x)


def _drop_metadata(_module: nn.Module, state: dict[str, Any], _prefix: str, _local: dict[str, Any]) -> None:
    # neuraloperator puts its constructor's arguments, functions included, among the tensors
    state.pop("_metadata", None)
