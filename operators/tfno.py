"""The tensorised Fourier neural operator: an FNO whose spectral weights are held as factors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from operators.fno import SpectralOperator
from operators.spectral import SpectralConv

FACTORIZATIONS = ("CP", "Tucker", "TT")

_FEW = 0.3
"""Share of the operations of the dense weight below which the factors one by one are faster than the kernel of a whole layer,
which needs the dense weight; measured for 1, 4 and 20 samples with 24 x 24 modes and width 32."""


class FactorizedSpectralConv(SpectralConv):
    """Spectral convolution whose weight, of shape (*kept modes, in_channels, out_channels), is a factorised tensor.

    The factors are held by tensorly-torch, complex ones as pairs of real numbers. At the start they are normally
    distributed, on a scale that gives the weight the standard deviation of a dense one.

    Field and factors are contracted in the order of the fewest operations (opt_einsum): for few samples one factor
    after another, for many the dense weight first.

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
        real = torch.get_default_dtype()
        dtype, prefix = (real.to_complex(), "Complex") if self.parts == 2 else (real, "")
        kind = prefix + self.factorization
        self.shape = tuple(shape)
        self.factors: Any = FactorizedTensor.new(self.shape, self.rank, factorization=kind, dtype=dtype)
        parameters = list(self.factors.parameters())
        if not all(p.numel() for p in parameters):
            raise ValueError(f"rank {self.rank} leaves no factor of a weight of shape {self.shape}; raise it")
        with torch.no_grad():
            for p in parameters:
                p.normal_(std=self.parts**-0.5)
            deviation = self.weight.square().sum(-1).mean().sqrt()
            for p in parameters:  # the weight is linear in each of them
                p *= (std / deviation) ** (1 / len(parameters))

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """The dense weight, (*kept modes, in_channels, out_channels, parts)."""
        tensors, indices = self._operands()
        dense = (
            _contraction(tuple(range(len(self.shape))), indices, _shapes(tensors)).run(*tensors).contiguous()
        )
        return torch.view_as_real(dense) if self.parts == 2 else dense[..., None]

    def mix(self, z: Tensor) -> Tensor:
        return self._mixing(len(z)).run(z, *self._operands()[0])

    def prefers_dense(self, batch: int) -> bool:
        tensors, indices = self._operands()
        dense = _contraction(tuple(range(len(self.shape))), indices, _shapes(tensors)).operations
        return self._mixing(batch).operations > _FEW * (dense + 2 * batch * math.prod(self.shape))

    def _mixing(self, batch: int) -> Contraction:
        """From coefficients and factors to the mixed coefficients."""
        sample, *modes, incoming, outgoing = range(-1, len(self.shape))
        tensors, indices = self._operands()
        field = (batch, *self.shape[:-1])
        indices = ((sample, *modes, incoming), *indices)
        return _contraction((sample, *modes, outgoing), indices, (field, *_shapes(tensors)))

    def _operands(self) -> tuple[list[Tensor], tuple[tuple[int, ...], ...]]:
        """The factors and the indices of their axes, whose sum of products is the weight: 0, 1, ... are its axes, others ranks."""
        axes = range(len(self.shape))
        rank = len(axes)
        if self.factorization == "TT":
            return self.factors.decomposition, tuple((rank + axis, axis, rank + axis + 1) for axis in axes)
        core, matrices = self.factors.decomposition
        if self.factorization == "CP":
            return [core, *matrices], ((rank,), *((axis, rank) for axis in axes))
        return [core, *matrices], (
            tuple(rank + axis for axis in axes),
            *((axis, rank + axis) for axis in axes),
        )


class Contraction(NamedTuple):
    """A sum over products of tensors in an order of few operations, and their number."""

    run: Callable[..., Tensor]
    operations: float


def _shapes(tensors: Sequence[Tensor]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(tensor.shape) for tensor in tensors)


@cache
def _contraction(
    output: tuple[int, ...], indices: tuple[tuple[int, ...], ...], shapes: tuple[tuple[int, ...], ...]
) -> Contraction:
    """The sum over the products of tensors of these shapes and indices that leaves the indices of ``output``."""
    import opt_einsum  # comes with tensorly-torch

    def letters(term: tuple[int, ...]) -> str:
        return "".join(opt_einsum.get_symbol(index + 1) for index in term)

    equation = f"{','.join(map(letters, indices))}->{letters(output)}"
    # "optimal" leaves out orders that turned out to need fewer operations
    path, plan = opt_einsum.contract_path(equation, *shapes, shapes=True, optimize="auto-hq")
    return Contraction(opt_einsum.contract_expression(equation, *shapes, optimize=path), float(plan.opt_cost))


class TFNO(SpectralOperator):
    """Tensorised Fourier neural operator: an FNO with factorised spectral weights, and so far fewer parameters.

    Blocks, lifting and projection are those of `FNO`.

    Parameters
    ----------
    factorization, rank
        See `FactorizedSpectralConv`.
    layers, block
        As of `FNO`.
    first, others
        Arguments of `SpectralOperator`.

    Source: J. Kossaifi, N. Kovachki, K. Azizzadenesheli, A. Anandkumar, Multi-grid tensorized Fourier neural operator
    for high-resolution PDEs, TMLR 2024 (arXiv:2310.00120). Here each layer has a weight of its own.
    """

    def __init__(
        self,
        *first: Any,
        factorization: str = "Tucker",
        rank: float = 0.1,
        layers: int = 4,
        block: str = "modern",
        **others: Any,
    ) -> None:
        super().__init__(*first, **others)
        self.blocks = self.fourier_blocks(
            layers, block, FactorizedSpectralConv, factorization=factorization, rank=rank
        )

    def mix(self, x: Tensor) -> Tensor:
        return self.blocks(x)
