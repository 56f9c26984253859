"""Operators made of a network of the input field, the branch, and a network of the query point, the trunk."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from operators.axes import per_axis, vanish_on_walls
from operators.dense import GlorotLinear, activation_named, require_size
from operators.operator import Operator, unit_points
from operators.resample import along_axes, linear_interpolation


class BranchTrunk(Operator):
    """u(x) = ⟨branch(a at the sensors), trunk(x)⟩ + b: what `DeepONet` and `MultiONet` have in common.

    The sensors are a fixed uniform grid, of the model's convention; a field on any other grid is interpolated to
    it linearly along each axis. So the input's resolution is free, but detail between the sensors is not seen.

    Parameters
    ----------
    in_channels, out_channels
        Number of input and output fields.
    sensors
        Number of sensors on each axis, one for all or one for each.
    width, depth
        Size and number of the hidden layers, of branch and trunk alike.
    activation
        "tanh", "silu", "gelu" or "sin".
    zero_boundary
        See `vanish_on_walls`. One flag, or one for each axis.
    dims, domain, grid
        See `Operator`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int,
        sensors: int | Sequence[int] = 32,
        width: int = 128,
        depth: int = 4,
        activation: str = "gelu",
        zero_boundary: bool | Sequence[bool] = False,
        domain: Sequence[tuple[float, float]] | None = None,
        grid: Sequence[str] | str = "half-open",
    ) -> None:
        super().__init__(in_channels, out_channels, dims=dims, domain=domain, grid=grid)
        require_size(width, depth)
        self.zero_boundary = per_axis(zero_boundary, dims, "zero_boundary")
        self.sensors = per_axis(sensors, dims, "sensors")
        if min(self.sensors) < 2:
            raise ValueError(f"sensors is {sensors}; each axis needs at least 2")
        self.activation = activation_named(activation)
        self.branch = _hidden_layers(in_channels * math.prod(self.sensors), width, depth)
        self.trunk = _hidden_layers(dims, width, depth)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def operate(self, x: Tensor, points: list[Tensor]) -> Tensor:
        mesh = torch.stack(torch.meshgrid(*points, indexing="ij"), -1)
        return self._values(x, points, mesh.flatten(0, -2)).unflatten(2, x.shape[2:])

    def query(self, x: Tensor, points: Tensor) -> Tensor:
        """Values of the output fields at any points.

        Parameters
        ----------
        x
            Input fields on a grid of any size, shape (batch, in_channels, *grid).
        points
            Where to evaluate, shape (n, dims), in the units of ``domain``.

        Returns
        -------
        Tensor
            Shape (batch, out_channels, n).

        Raises
        ------
        ValueError
            If the shapes do not fit the model.
        """
        self._check_fields(x)
        if points.ndim != 2 or points.shape[1] != self.dims:
            raise ValueError(f"points have shape {tuple(points.shape)}; expected (n, {self.dims})")
        lower, upper = torch.tensor(self.domain, dtype=points.dtype, device=points.device).T
        axes = [unit_points(n, c).to(x) for n, c in zip(x.shape[2:], self.grid, strict=True)]
        return self._values(x, axes, ((points - lower) / (upper - lower)).to(x))

    @abstractmethod
    def coefficients(self, branch: list[Tensor]) -> Tensor:
        """From the hidden layers of the branch: what the functions are weighted by, (batch, out_channels, k)."""

    @abstractmethod
    def functions(self, trunk: list[Tensor]) -> Tensor:
        """From the hidden layers of the trunk: values of the functions, (out_channels or 1, points, k)."""

    def _values(self, x: Tensor, axes: list[Tensor], unit: Tensor) -> Tensor:
        b = self.coefficients(self._activations(self.branch, self.at_sensors(x, axes).flatten(1)))
        t = self.functions(self._activations(self.trunk, 2 * unit - 1))
        y = torch.einsum("bck,cnk->bcn", b, t.expand(self.out_channels, -1, -1)) + self.bias[:, None]
        for s, zero in zip(unit.T, self.zero_boundary, strict=True):
            y = vanish_on_walls(y, [s], [zero])
        return y

    def at_sensors(self, x: Tensor, points: list[Tensor]) -> Tensor:
        """The fields at the sensors, (batch, in_channels, *sensors), given the unit coordinates of their points."""
        axes = zip(points, self.sensors, self.grid, strict=True)
        matrices = [linear_interpolation(s, unit_points(m, c).to(s)) for s, m, c in axes]
        return along_axes(x.movedim(1, -1), matrices).movedim(-1, 1)

    def _activations(self, layers: nn.ModuleList, z: Tensor) -> list[Tensor]:
        values = []
        for layer in layers:
            z = self.activation(layer(z))
            values.append(z)
        return values


class DeepONet(BranchTrunk):
    """Deep operator network: u_c(x) = Σₖ b_ck(a) tₖ(x) + b_c.

    The branch b, a network of the input field a at the sensors, gives the coefficients of each output field; the
    functions tₖ of the trunk serve all of them.

    Parameters
    ----------
    basis
        Number of functions tₖ.
    in_channels, out_channels, others
        See `BranchTrunk`.

    Sources: L. Lu, P. Jin, G. Pang, Z. Zhang, G. E. Karniadakis, Nat. Mach. Intell. 3 (2021) 218; several outputs
    from one trunk as in L. Lu et al., Comput. Methods Appl. Mech. Engrg. 393 (2022) 114778.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, basis: int = 128, width: int = 128, **others: Any
    ) -> None:
        super().__init__(in_channels, out_channels, width=width, **others)
        if basis < 1:
            raise ValueError(f"basis is {basis}; the trunk needs at least one function")
        self.branch_head = GlorotLinear(width, out_channels * basis)
        self.trunk_head = GlorotLinear(width, basis)

    def coefficients(self, branch: list[Tensor]) -> Tensor:
        return self.branch_head(branch[-1]).unflatten(1, (self.out_channels, -1))

    def functions(self, trunk: list[Tensor]) -> Tensor:
        return self.activation(self.trunk_head(trunk[-1]))[None]


class MultiONet(BranchTrunk):
    """DeepONet that multiplies branch and trunk at several depths: u(x) = (1/L) Σₗ wₗ ⟨tₗ(x), bₗ(a)⟩ + b.

    The sum runs over the last L hidden layers, l-th with l-th; the weights wₗ start from 1/√width. Of several
    output fields each has its own share of the neurons.

    Parameters
    ----------
    products
        L, the number of layers that take part.
    in_channels, out_channels, others
        See `BranchTrunk`.

    Raises
    ------
    ValueError
        For more products than hidden layers, or a width that the output fields cannot share.

    Source: Y. Zang, P.-S. Koutsourelakis, arXiv:2502.06250, which introduces it for one output field.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        products: int = 4,
        width: int = 100,
        depth: int = 5,
        activation: str = "silu",
        **others: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, width=width, depth=depth, activation=activation, **others)
        if not 1 <= products <= depth:
            raise ValueError(f"products is {products}; expected 1 to {depth}, the depth")
        if width % out_channels:
            raise ValueError(
                f"width {width} cannot be shared by {out_channels} output fields; choose a multiple of {out_channels}"
            )
        self.layer_weights = nn.Parameter(torch.full((products,), width**-0.5))

    def coefficients(self, branch: list[Tensor]) -> Tensor:
        weights = self.layer_weights / len(self.layer_weights)
        return self._shares([w * b for w, b in zip(weights, branch[-len(weights) :], strict=True)])

    def functions(self, trunk: list[Tensor]) -> Tensor:
        return self._shares(trunk[-len(self.layer_weights) :]).transpose(0, 1)

    def _shares(self, layers: list[Tensor]) -> Tensor:
        """The layers side by side, their neurons dealt out to the output fields: (any, out_channels, k)."""
        return torch.cat([z.unflatten(1, (self.out_channels, -1)) for z in layers], -1)


def _hidden_layers(features: int, width: int, depth: int) -> nn.ModuleList:
    return nn.ModuleList(GlorotLinear(a, b) for a, b in itertools.pairwise([features, *[width] * depth]))
