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
        core, factors = self._decomposition()
        return self._dense([*core, *factors])

    def used_weight(self) -> Tensor:
        return self._dense(self._used_operands())

    def holders(self) -> list[tuple[Tensor, int]]:
        _, factors = self._decomposition()
        return [(factor, self._dim) for factor in factors[: len(self.modes)]]

    def mix(self, z: Tensor) -> Tensor:
        operands = self._used_operands()
        return self._mixing(len(z), operands).run(z, *operands)

    def prefers_dense(self, batch: int) -> bool:
        operands = self._used_operands()
        products = batch * math.prod(self._sizes(operands))
        return self._mixing(batch, operands).operations > _FEW * (
            self._densifying(operands).operations + 2 * products
        )

    def _dense(self, operands: Sequence[Tensor]) -> Tensor:
        dense = self._densifying(operands).run(*operands).contiguous()
        return torch.view_as_real(dense) if self.parts == 2 else dense[..., None]

    def _densifying(self, operands: Sequence[Tensor]) -> Contraction:
        """From a core and factors to the weight."""
        return _contraction(tuple(range(len(self.shape))), self._indices(), _shapes(operands))

    def _mixing(self, batch: int, operands: Sequence[Tensor]) -> Contraction:
        """From coefficients, a core and factors to the mixed coefficients."""
        sample, *modes, incoming, outgoing = range(-1, len(self.shape))
        field = (batch, *self._sizes(operands)[:-1])
        indices = ((sample, *modes, incoming), *self._indices())
        return _contraction((sample, *modes, outgoing), indices, (field, *_shapes(operands)))

    def _decomposition(self) -> tuple[list[Tensor], list[Tensor]]:
        """The core, which a tensor train has none of, and the factor of each axis of the weight."""
        if self.factorization == "TT":
            return [], list(self.factors.decomposition)
        core, matrices = self.factors.decomposition
        return [core], list(matrices)

    def _used_operands(self) -> list[Tensor]:
        """The core and the factors, of which the modes in use alone."""
        core, factors = self._decomposition()
        for axis in range(len(self.modes)):
            factors[axis] = self.select_used(factors[axis], self._dim, axis)
        return [*core, *factors]

    @property
    def _dim(self) -> int:
        """The dimension of a factor that runs over the axis of the weight."""
        return 1 if self.factorization == "TT" else 0

    def _sizes(self, operands: Sequence[Tensor]) -> list[int]:
        """The shape of the weight that a core and factors have."""
        return [factor.shape[self._dim] for factor in operands[-len(self.shape) :]]

    def _indices(self) -> tuple[tuple[int, ...], ...]:
        """Of the axes of core and factors, whose sum of products is the weight: 0, 1, ... are its own axes, others are ranks."""
        axes = range(len(self.shape))
        rank = len(axes)
        if self.factorization == "TT":
            return tuple((rank + axis, axis, rank + axis + 1) for axis in axes)
        if self.factorization == "CP":
            return ((rank,), *((axis, rank) for axis in axes))
        return (tuple(rank + axis for axis in axes), *((axis, rank + axis) for axis in axes))


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
