"""The Fourier neural operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from operators.axes import append_coordinates, per_axis, vanish_on_walls
from operators.operator import Operator
from operators.pointwise import Pointwise, PointwiseMLP
from operators.spectral import SpectralConv


class FourierBlock(nn.Module):
    """One layer: y = σ(K x + W x), then σ(MLP(y) + g ⊙ x), with σ = gelu, or the identity in the last layer.

    Takes and gives (width, batch, *grid): with the channels leading each pointwise map is one matrix product.
    K is a spectral convolution, W a pointwise linear map, MLP two pointwise layers and g one gate for each channel.
    """

    def __init__(
        self,
        width: int,
        modes: Sequence[int],
        hidden: int,
        *,
        grid: Sequence[str] | str,
        odd_axis_shift: bool,
        last: bool,
    ) -> None:
        super().__init__()
        self.spectral = SpectralConv(width, width, modes, grid=grid, odd_axis_shift=odd_axis_shift)
        self.skip = Pointwise(width, width, bias=False)
        self.mlp = PointwiseMLP(width, hidden, width)
        self.gate = nn.Parameter(torch.ones(width, 1))
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        y = self.spectral.channels_leading(x).flatten(1) + self.skip(flat)
        y = self.mlp(y if self.last else F.gelu(y)) + self.gate * flat
        return (y if self.last else F.gelu(y)).view(x.shape)


class FNO(Operator):
    """Fourier neural operator: lift each point's channels, mix in Fourier space and pointwise, project back.

    The block is that of neuraloperator 2.0 (`FourierBlock`), without padding or normalisation, so the model is
    one continuous operator at every resolution that holds its modes.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    modes
        Fourier modes kept on each axis (see `SpectralConv`); their number is the number of axes.
    width
        Number of channels inside.
    layers
        Number of blocks.
    lifting_ratio, projection_ratio, mlp_ratio
        Hidden channels of the lifting, the projection and each block's MLP, relative to ``width``.
    coordinates
        Append the unit coordinates of the points as input channels. Without them the operator commutes with
        translations on a periodic domain.
    zero_boundary
        Multiply the output by Π 4 sᵢ(1 - sᵢ), s the unit coordinates, which vanishes on the walls of the domain:
        homogeneous Dirichlet values then hold exactly at every resolution. One flag, or one for each axis.
    odd_axis_shift
        See `SpectralConv`; `from_neuralop` sets it.
    domain, grid
        See `Operator`.

    Source: Li et al., "Fourier neural operator for parametric partial differential equations", ICLR 2021.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: Sequence[int],
        width: int,
        *,
        layers: int = 4,
        lifting_ratio: float = 2,
        projection_ratio: float = 2,
        mlp_ratio: float = 0.5,
        coordinates: bool = True,
        zero_boundary: bool | Sequence[bool] = False,
        odd_axis_shift: bool = False,
        domain: Sequence[tuple[float, float]] | None = None,
        grid: Sequence[str] | str = "half-open",
    ) -> None:
        if isinstance(modes, int):
            raise ValueError(
                f"modes is {modes}; give one number for each axis, such as [{modes}] in one dimension"
            )
        dims = len(modes)
        super().__init__(in_channels, out_channels, dims=dims, domain=domain, grid=grid)
        self.coordinates = coordinates
        self.zero_boundary = per_axis(zero_boundary, dims, "zero_boundary")
        hidden = {
            "lifting_ratio": int(lifting_ratio * width),
            "projection_ratio": int(projection_ratio * width),
            "mlp_ratio": round(mlp_ratio * width),
        }
        for name, channels in hidden.items():
            if channels < 1:
                raise ValueError(f"{name} leaves no hidden channel at width {width}; raise one of the two")
        features = in_channels + (dims if coordinates else 0)
        self.lifting = PointwiseMLP(features, hidden["lifting_ratio"], width)
        self.blocks = nn.ModuleList(
            FourierBlock(
                width,
                modes,
                hidden["mlp_ratio"],
                grid=self.grid,
                odd_axis_shift=odd_axis_shift,
                last=i == layers - 1,
            )
            for i in range(layers)
        )
        self.projection = PointwiseMLP(width, hidden["projection_ratio"], out_channels)

    def operate(self, x: Tensor, points: list[Tensor]) -> Tensor:
        batch, _, *sizes = x.shape
        if self.coordinates:
            x = append_coordinates(x, points)
        x = self.lifting(x.transpose(0, 1).flatten(1)).view(-1, batch, *sizes)
        for block in self.blocks:
            x = block(x)
        y = self.projection(x.flatten(1)).view(-1, batch, *sizes).transpose(0, 1)
        return vanish_on_walls(y, points, self.zero_boundary).contiguous()

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
                block.gate.copy_(blocks.channel_mlp_skips[i].weight.flatten(1).T)
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
