"""The spectral convolution: a linear map of a field's lowest modes.

    (K v)(x) = Σₖ φₖ(x) R_k v̂_k + b,    v̂_k the coefficients of v, R_k a complex matrix

with φₖ(x) = exp(2πi k·x) on a periodic domain, and products of other functions (`operators.bases`) between walls.

Li et al., "Fourier neural operator for parametric partial differential equations", ICLR 2021, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from operators import kernels, truncated_dft
from operators.axes import per_axis
from operators.axis_transform import analyse, products_are_faster, synthesise
from operators.bases import Expansion, expansions, most_modes, period
from operators.mixed_precision import full_precision
from operators.truncated_dft import Axes


class SpectralConv(nn.Module):
    """Spectral convolution in any number of dimensions, (batch, in_channels, *grid) -> (batch, out_channels, *grid).

    It is one continuous operator whatever the number of points, for each convention of the grid. Half-open
    points and cell centres differ by a shift, which a convolution commutes with. Vertices hold both ends of
    the period, so the two are folded into their mean (the trapezoidal rule) and the other n - 1
    points are transformed; the result takes its first value again at the far end.

    Between walls a field is expanded in other functions, whose coefficients are integrals over the axis by the rule of its
    convention: K is then no convolution, but still one operator at all resolutions, to the order of that rule.

    The transform takes one axis at a time and drops the modes that are not kept before the next axis, which
    then costs less. Under autocast it stays in float32.

    Parameters
    ----------
    in_channels, out_channels
        Number of fields.
    modes
        Number m of modes kept on each axis: wavenumbers -⌊m/2⌋ ... ⌈m/2⌉-1, and on the last Fourier axis, where
        those of a real field come in conjugate pairs, 0 ... ⌊m/2⌋ (the meaning of neuraloperator's ``n_modes``); or so many
        sines or cosines, whose wavelengths are 2/k of the axis.
    grid
        Convention of the points on each axis, "half-open", "vertices" or "centres".
    basis, padding
        Functions of each axis, "fourier", "sine" or "cosine", and how much longer than the axis the period of "fourier" is, as
        a fraction of its length (see `operators.bases`): one for all axes or one for each.
    bias
        Add a constant to each output channel.
    odd_axis_shift
        Lower every wavenumber of the output by one on axes, other than the last, with an odd number of points, as
        neuraloperator 2.0 does (it undoes ``fftshift`` by ``fftshift``). Only for weights that were trained so: the
        layer is then another operator on odd axes than on even ones.

    The weight is stored as real numbers, shape (*kept modes, in_channels, out_channels, 2), so that it follows
    ``.to(dtype)`` and any optimiser can treat it as a plain vector. Without a Fourier axis it is real, and ends in 1 for 2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: Sequence[int],
        *,
        grid: Sequence[str] | str = "half-open",
        basis: Sequence[str] | str = "fourier",
        padding: Sequence[float] | float = 0.0,
        bias: bool = True,
        odd_axis_shift: bool = False,
    ) -> None:
        super().__init__()
        self.odd_axis_shift = odd_axis_shift
        if not modes or min(modes) < 1:
            raise ValueError(f"modes is {list(modes)}; give a positive number for each axis")
        self.modes = tuple(modes)
        self.grid = per_axis(grid, len(modes), "grid")
        self.expansions = expansions(modes, basis, padding)
        self.periodic = all(e.periodic for e in self.expansions)
        self._limited = self.expansions
        if odd_axis_shift and not self.periodic:
            raise ValueError("odd_axis_shift is for fourier axes without padding alone; leave it out")
        self.kept = tuple(len(e.wavenumbers()) for e in self.expansions)
        # each kept mode then has the gain of a Glorot-initialised linear layer, whatever the resolution
        std = (2 / (in_channels + out_channels)) ** 0.5
        self.make_weight((*self.kept, in_channels, out_channels), std)
        self.bias = nn.Parameter(torch.randn(out_channels) * std) if bias else None

    def make_weight(self, shape: Sequence[int], std: float) -> None:
        """Provide ``weight``, numbers of the given ``shape`` and standard deviation, with their real and imaginary parts last."""
        self.weight = nn.Parameter(torch.randn(*shape, self.parts) * (std / self.parts**0.5))

    def holders(self) -> list[tuple[Tensor, int]]:
        """The tensor that holds the modes of each axis one by one, and its dimension that does so."""
        return [(self.weight, axis) for axis in range(len(self.modes))]

    @torch.no_grad()
    def clear(self, reach: Sequence[int]) -> None:
        """Set the weights of wavenumbers beyond ``reach`` of each axis to zero."""
        for (tensor, dim), expansion, largest in zip(self.holders(), self.expansions, reach, strict=True):
            beyond = [place for place, k in enumerate(expansion.wavenumbers()) if abs(k) > largest]
            tensor.index_fill_(dim, torch.tensor(beyond, dtype=torch.long, device=tensor.device), 0)

    def limit(self, reach: Sequence[int]) -> None:
        """In training, leave out wavenumbers beyond ``reach`` of each axis, whose weights must be zero: they take no time then."""
        self._limited = tuple(e.up_to(r) for e, r in zip(self.expansions, reach, strict=True))

    @property
    def used(self) -> tuple[Expansion, ...]:
        """The expansion of each axis that the next evaluation uses."""
        return self._limited if self.training else self.expansions

    def used_weight(self) -> Tensor:
        """The part of ``weight`` that belongs to `used`."""
        weight: Tensor = self.weight
        for axis in range(len(self.modes)):
            weight = self.select_used(weight, axis, axis)
        return weight

    def select_used(self, tensor: Tensor, dim: int, axis: int) -> Tensor:
        """Of a tensor whose dimension ``dim`` runs over all modes of an axis, those in use."""
        whole, part = self.expansions[axis], self.used[axis]
        if part == whole:
            return tensor
        places = {k: place for place, k in enumerate(whole.wavenumbers())}
        chosen = torch.tensor([places[k] for k in part.wavenumbers()], device=tensor.device)
        return tensor.index_select(dim, chosen)

    @property
    def parts(self) -> int:
        """2 for complex weights, 1 for real ones, which a field without Fourier axes has."""
        return 2 if any(e.basis == "fourier" for e in self.expansions) else 1

    def forward(self, x: Tensor) -> Tensor:
        """Raises ValueError where an axis has fewer points than the modes it must hold."""
        return self.channels_last(x.movedim(1, -1)).movedim(-1, 1)

    @full_precision
    def channels_last(self, x: Tensor) -> Tensor:
        """The same for a field of shape (batch, *grid, in_channels), which suits the pointwise maps beside it."""
        sizes = tuple(x.shape[1:-1])
        self.check_points(sizes)
        x = x.to(next(self.parameters()).dtype)
        axes = self.axes_of_products(x)
        z = self.mix(self.transform(x) if axes is None else truncated_dft.transform(x, axes))
        y = self.inverse(z, sizes) if axes is None else truncated_dft.inverse(z, axes)
        return y if self.bias is None else y + self.bias

    def mix(self, z: Tensor) -> Tensor:
        """R_k v̂_k of all modes in use, (batch, *kept, in_channels) -> (batch, *kept, out_channels)."""
        weight = self.used_weight()
        weight = torch.view_as_complex(weight) if self.parts == 2 else weight.squeeze(-1)
        # one batched product over the modes: faster than einsum, measured
        y = torch.bmm(z.flatten(1, -2).transpose(0, 1), weight.flatten(0, -3))
        return y.transpose(0, 1).unflatten(1, z.shape[1:-1])

    def prefers_dense(self, batch: int) -> bool:
        """Whether a kernel that mixes so many samples by the whole ``weight`` is ahead of `mix`."""
        return True

    def axes_of_products(self, x: Tensor) -> Axes | None:
        """The axes of a field (batch, *grid, channels) where the kernel transforms all of them at once; None: one after another."""
        sizes = tuple(x.shape[1:-1])
        periods = tuple(map(period, sizes, self.grid))
        modes = tuple(e.modes for e in self.used)
        if not self.periodic or not all(map(products_are_faster, modes, periods)) or not kernels.available(x):
            return None
        return Axes(sizes, periods, modes, tuple(map(self._shift, range(len(sizes)), periods)))

    def transform(self, x: Tensor) -> Tensor:
        """Coefficients of the modes in use, (batch, *grid, channels) -> (batch, *kept, channels)."""
        for axis, expansion in reversed([*enumerate(self.used)]):
            x = analyse(x, axis + 1, expansion, self.grid[axis])
        return x

    def inverse(self, z: Tensor, sizes: Sequence[int]) -> Tensor:
        """The real field of ``sizes`` points with the given coefficients, (batch, *kept, channels) -> (batch, *sizes, channels)."""
        for axis, (expansion, n, convention) in enumerate(zip(self.used, sizes, self.grid, strict=True)):
            shift = self._shift(axis, period(n, convention))
            z = synthesise(z, axis + 1, expansion, n, convention, shift)
        return z

    def _shift(self, axis: int, points: int) -> int:
        return int(self.odd_axis_shift and points % 2 and axis < len(self.modes) - 1)

    def check_points(self, sizes: Sequence[int]) -> None:
        """Raises ValueError where the grid does not suit the modes."""
        if len(sizes) != len(self.modes):
            raise ValueError(
                f"the field has {len(sizes)} grid axes but modes are given for {len(self.modes)}"
            )
        for axis, n in enumerate(sizes):
            require_points(axis, n, self.grid[axis], self.expansions[axis])


def require_points(axis: int, n: int, convention: str, expansion: Expansion) -> None:
    """Raises ValueError where an axis of n points cannot tell its modes apart."""
    missing = expansion.modes - most_modes(n, convention, expansion.basis)
    if missing > 0:
        raise ValueError(
            f"axis {axis} has {n} points, too few for the {expansion.modes} {expansion.basis.capitalize()} modes kept there; "
            f"use at least {n + missing} points, or build the model with fewer modes"
        )
