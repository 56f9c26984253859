"""The tensorised Fourier neural operator: an FNO whose spectral weights are held as factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from operators.fno import FourierBlock
from operators.lifted import LiftedOperator, number_of_axes, require_hidden
from operators.spectral import SpectralConv

FACTORIZATIONS = ("CP", "Tucker", "TT")


class FactorizedSpectralConv(SpectralConv):
    """Spectral convolution whose weight, of shape (*kept modes, in_channels, out_channels), is a factorised tensor.

    The factors are complex, held by tensorly-torch as pairs of real numbers. At the start they are normally
    distributed, on a scale that gives the weight the standard deviation of a dense one.

    The dense weight is rebuilt at each call, and the field mixed as by a dense layer. In trials at rank 0.1, contracting the field with
    one factor after another was faster for batches of few samples, hardly so for twenty, and for CP then slower, whose
    rank exceeds the number of channels by far.

    Parameters
    ----------
    factorization
        "CP", a sum of outer products; "Tucker", a small core with a matrix for each axis; or "TT", a tensor train.
    rank
        Number of parameters relative to the dense weight, above 0 and up to 1. It fixes the ranks of the factors.
    in_channels, out_channels, modes, others
        See `SpectralConv`.

    Raises
    ------
    ValueError
        For an unknown factorisation, or a rank out of bounds or too small to leave a factor.
    ImportError
        If tensorly-torch is not installed.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: Sequence[int],
        *,
        factorization: str = "Tucker",
        rank: float = 0.1,
        **others: Any,
    ) -> None:
        if factorization not in FACTORIZATIONS:
            raise ValueError(
                f"unknown factorization {factorization!r}; choose one of {', '.join(FACTORIZATIONS)}"
            )
        if not 0 < rank <= 1:
            raise ValueError(
                f"rank is {rank}; give the share of a dense weight's parameters, above 0 and up to 1"
            )
        self.factorization, self.rank = factorization, float(rank)
        super().__init__(in_channels, out_channels, modes, **others)

    def make_weight(self, shape: Sequence[int], std: float) -> None:
        try:
            from tltorch import FactorizedTensor  # slow, so not on import
        except ImportError as error:
            raise ImportError("factorised weights need tensorly-torch: pip install tensorly-torch") from error
        dtype = torch.get_default_dtype().to_complex()
        kind = f"Complex{self.factorization}"
        self.factors: Any = FactorizedTensor.new(tuple(shape), self.rank, factorization=kind, dtype=dtype)
        parameters = list(self.factors.parameters())
        if not all(p.numel() for p in parameters):
            raise ValueError(
                f"rank {self.rank} leaves no factor of a weight of shape {tuple(shape)}; raise it"
            )
        with torch.no_grad():
            for p in parameters:
                p.normal_(std=0.5**0.5)
            deviation = torch.view_as_complex(self.weight).abs().square().mean().sqrt()
            for p in parameters:  # the weight is linear in each of them
                p *= (std / deviation) ** (1 / len(parameters))

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """The dense weight, (*kept modes, in_channels, out_channels, 2)."""
        if self.factorization == "CP":
            # pair by pair, which is several times faster than tensorly's product of one factor with all others
            scale, factors = self.factors.decomposition
            axes = list(range(len(factors)))
            operands = [part for axis in axes for part in (factors[axis], [axis, len(axes)])]
            dense = torch.einsum(scale, [len(axes)], *operands, axes)
        else:
            dense = self.factors.to_tensor()
        return torch.view_as_real(dense.contiguous())


class TFNO(LiftedOperator):
    """Tensorised Fourier neural operator: an FNO with factorised spectral weights, and so far fewer parameters.

    Blocks, lifting and projection are those of `FNO`.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    modes
        Fourier modes kept on each axis (see `SpectralConv`); their number is the number of axes.
    width
        Number of channels inside.
    factorization, rank
        See `FactorizedSpectralConv`.
    layers, mlp_ratio
        See `FNO`.
    others
        Keyword arguments of `LiftedOperator`.

    Source: J. Kossaifi, N. Kovachki, K. Azizzadenesheli, A. Anandkumar, Multi-grid tensorized Fourier neural operator
    for high-resolution PDEs, TMLR 2024 (arXiv:2310.00120). Here each layer has a weight of its own.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: Sequence[int],
        width: int,
        *,
        factorization: str = "Tucker",
        rank: float = 0.1,
        layers: int = 4,
        mlp_ratio: float = 0.5,
        **others: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, number_of_axes(modes), width, **others)
        hidden = require_hidden("mlp_ratio", round(mlp_ratio * width), width)
        self.blocks = nn.Sequential()
        for layer in range(layers):
            spectral = FactorizedSpectralConv(
                width, width, modes, grid=self.grid, factorization=factorization, rank=rank
            )
            self.blocks.append(FourierBlock(spectral, width, hidden, last=layer == layers - 1))

    def mix(self, x: Tensor) -> Tensor:
        return self.blocks(x)
