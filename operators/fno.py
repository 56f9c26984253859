"""The Fourier neural operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from operators import fused_pointwise
from operators.fused_block import FusedBlock
from operators.lifted import LiftedOperator, number_of_axes, require_hidden
from operators.pointwise import PointwiseMLP
from operators.spectral import SpectralConv


class PaperBlock(nn.Module):
    """The layer of the paper that introduced the FNO: σ(K x + W x), with σ = gelu, or the identity in the last layer.

    K is a spectral convolution and W a pointwise linear map, (batch, *grid, width) -> (batch, *grid, width).
    """

    def __init__(self, spectral: SpectralConv, width: int, *, last: bool) -> None:
        super().__init__()
        self.spectral = spectral
        self.skip = nn.Linear(width, width, bias=False)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        y = self.spectral.channels_last(x) + self.skip(x)
        return y if self.last else F.gelu(y)


class FourierBlock(nn.Module):
    """The layer of neuraloperator 2.0: y = σ(K x + W x), then σ(MLP(y) + g ⊙ x), with σ = gelu, or the identity in the last layer.

    Takes and gives (batch, *grid, width): with the channels next to each other pointwise maps and transforms alike are matrix products.
    K is a spectral convolution, W a pointwise linear map, MLP two pointwise layers and g one gate for each channel.
    """

    def __init__(self, spectral: SpectralConv, width: int, hidden: int, *, last: bool) -> None:
        super().__init__()
        self.spectral = spectral
        self.skip = nn.Linear(width, width, bias=False)
        self.mlp = PointwiseMLP(width, hidden, width)
        self.gate = nn.Parameter(torch.ones(width))
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        spectral, first, second = self.spectral, self.mlp.first, self.mlp.second
        axes = spectral.axes_of_products(x)
        fused = fused_pointwise.available(x, self.skip.in_features, first.out_features)
        if axes and fused and spectral.prefers_dense(len(x)):
            spectral.check_points(axes.points)
            layers = self.skip.weight, spectral.bias, first.weight, first.bias, second.weight, second.bias
            flags = not self.last, torch.is_grad_enabled()
            return FusedBlock.apply(x, spectral.used_weight(), axes, *flags, self.gate, *layers)
        y = spectral.channels_last(x) + self.skip(x)
        y = self.mlp(y if self.last else F.gelu(y)) + self.gate * x
        return y if self.last else F.gelu(y)


class SpectralOperator(LiftedOperator):
    """A lifted operator that mixes by spectral convolutions. A subclass implements `mix`.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    modes
        Modes kept on each axis (see `SpectralConv`); their number is the number of axes.
    width
        Number of channels inside.
    mlp_ratio
        Hidden channels of the pointwise layers between the convolutions, relative to the channels there.
    basis, padding
        Functions that the convolutions expand fields in, for axes that are not periodic (see `SpectralConv`): one for all
        axes or one for each.
    others
        Keyword arguments of `LiftedOperator`.

    Raises
    ------
    ValueError
        For modes that are not a list, an unknown basis, a negative padding, or a ratio that leaves no hidden channel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: Sequence[int],
        width: int,
        *,
        mlp_ratio: float = 0.5,
        basis: Sequence[str] | str = "fourier",
        padding: Sequence[float] | float = 0.0,
        **others: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, number_of_axes(modes), width, **others)
        self.modes, self.width, self.mlp_ratio = tuple(modes), width, mlp_ratio
        self.axes: dict[str, Any] = {"grid": self.grid, "basis": basis, "padding": padding}

    def hidden(self, width: int) -> int:
        """Hidden channels of the pointwise layers at a width."""
        return require_hidden("mlp_ratio", round(self.mlp_ratio * width), width)

    def fourier_blocks(
        self, layers: int, block: str, convolution: type[SpectralConv] = SpectralConv, **options: Any
    ) -> nn.Sequential:
        """Blocks of a kind with a convolution each, of that class and with those options; the last one has no activation."""
        if block not in ("modern", "paper"):
            raise ValueError(f"block is {block!r}; choose modern or paper")
        width, blocks = self.width, nn.Sequential()
        for layer in range(layers):
            spectral, last = (
                convolution(width, width, self.modes, **self.axes, **options),
                layer == layers - 1,
            )
            if block == "paper":
                blocks.append(PaperBlock(spectral, width, last=last))
            else:
                blocks.append(FourierBlock(spectral, width, self.hidden(width), last=last))
        return blocks


class FNO(SpectralOperator):
    """Fourier neural operator: lift each point's channels, mix in Fourier space and pointwise, project back.

    The model is one continuous operator at every resolution that holds its modes: no block normalises.

    Parameters
    ----------
    layers
        Number of blocks.
    block
        "modern", that of neuraloperator 2.0 (`FourierBlock`), or "paper" (`PaperBlock`), which leaves out the pointwise layers and
        so ``mlp_ratio``.
    odd_axis_shift
        See `SpectralConv`; `from_neuralop` sets it.
    first, others
        Arguments of `SpectralOperator`.

    Source: Li et al., "Fourier neural operator for parametric partial differential equations", ICLR 2021.
    """

    def __init__(
        self,
        *first: Any,
        layers: int = 4,
        block: str = "modern",
        odd_axis_shift: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(*first, **others)
        self.blocks = self.fourier_blocks(layers, block, odd_axis_shift=odd_axis_shift)

    def mix(self, x: Tensor) -> Tensor:
        return self.blocks(x)

    @classmethod
    def from_neuralop(cls, model: Any, *, mend_odd_axes: bool = False) -> FNO:
        """The same operator as a ``neuralop.models.FNO`` of neuraloperator 2.0, with its weights copied.

        Outputs agree to rounding at every size. neuraloperator undoes its ``fftshift`` by a second ``fftshift``
        instead of ``ifftshift``, which moves every wavenumber by one on an axis, other than the last, with an odd
        number of points. Weights trained at even sizes are therefore better taken over with ``mend_odd_axes``:
        they then give the same continuous operator at odd sizes too, which neuraloperator's do not.

        Raises ValueError for an option that this class does not have.
        """
        blocks = model.fno_blocks
        supported: dict[str, tuple[Any, Any]] = {
            "factorization": (model.factorization, None),
            "separable": (model.separable, False),
            "complex_data": (model.complex_data, False),
            "preactivation": (model.preactivation, False),
            "non_linearity": (model.non_linearity, F.gelu),
            "domain_padding": (model.domain_padding, None),
            "resolution_scaling_factor": (model.resolution_scaling_factor, None),
            "fno_block_precision": (model.fno_block_precision, "full"),
            "norm": (blocks.norm, None),
            "stabilizer": (blocks.stabilizer, None),
            "max_n_modes": (blocks.max_n_modes, None),
            "use_channel_mlp": (blocks.use_channel_mlp, True),
            "channel_mlp_dropout": (blocks.channel_mlp_dropout, 0),
            "fno_skip": (blocks.fno_skip, "linear"),
            "channel_mlp_skip": (blocks.channel_mlp_skip, "soft-gating"),
        }
        for name, (value, expected) in supported.items():
            if value != expected:
                raise ValueError(
                    f"cannot convert a neuralop FNO whose {name} is not {expected!r}; rebuild it with that"
                )
        embedding = model.positional_embedding
        if embedding is not None and any(tuple(b) != (0, 1) for b in embedding.grid_boundaries):
            raise ValueError(
                "cannot convert a neuralop FNO whose positional_embedding is not on the unit domain"
            )
        ours = cls(
            model.in_channels,
            model.out_channels,
            list(model.n_modes),
            model.hidden_channels,
            layers=model.n_layers,
            lifting_ratio=model.lifting_channel_ratio,
            projection_ratio=model.projection_channel_ratio,
            mlp_ratio=blocks.channel_mlp_expansion,
            coordinates=embedding is not None,
            odd_axis_shift=not mend_odd_axes,
        )
        with torch.no_grad():
            _copy_mlp(ours.lifting, model.lifting)
            _copy_mlp(ours.projection, model.projection)
            for i, block in enumerate(ours.blocks):
                assert isinstance(block, FourierBlock)
                _copy_mlp(block.mlp, blocks.channel_mlp[i])
                block.skip.weight.copy_(blocks.fno_skips[i].conv.weight.squeeze(-1))
                block.gate.copy_(blocks.channel_mlp_skips[i].weight.flatten())
                _copy_spectral(block.spectral, blocks.convs[i])
        return ours


def _copy_mlp(ours: PointwiseMLP, theirs: Any) -> None:
    for layer, conv in zip((ours.first, ours.second), theirs.fcs, strict=True):
        layer.weight.copy_(conv.weight.squeeze(-1))
        layer.bias.copy_(conv.bias)


def _copy_spectral(ours: SpectralConv, theirs: Any) -> None:
    # theirs has the channels first, and on all axes but the last the wavenumbers in increasing order
    weight = theirs.weight.to_tensor()
    for dim in range(2, weight.ndim - 1):
        weight = torch.fft.ifftshift(weight, dim=dim)
    ours.weight.copy_(torch.view_as_real(torch.movedim(weight, (0, 1), (-2, -1))))
    assert ours.bias is not None
    ours.bias.copy_(theirs.bias.flatten())
