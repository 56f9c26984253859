"""ConFIG: an update that no loss term objects to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from scipy.linalg.lapack import dsyevd
from torch import Tensor

from sciml.optim.balancer import Balance, Balancer, loss_weights
from sciml.optim.gradients import loss_gradients, set_gradient
from sciml.optim.gram import gram_matrix

_RANK_TOLERANCE = 1e-12

_COMMON_LENGTHS: dict[str, Callable[[np.ndarray], float]] = {
    "min": lambda norms: norms.min(),
    "max": lambda norms: norms.max(),
    "harmonic": lambda norms: 1 / (1 / norms).mean(),
    "arithmetic": lambda norms: norms.mean(),
    "geometric": lambda norms: np.exp(np.log(norms).mean()),
}


def require_length(length: str) -> str:
    """``length`` itself; ValueError where there is no such rule."""
    rules = ("projections", *_COMMON_LENGTHS)
    if length not in rules:
        raise ValueError(f"unknown length {length!r}; choose {', '.join(rules)}")
    return length


def config_coefficients(gram: Tensor, weights: Tensor | None = None, length: str = "projections") -> Tensor:
    """The c (m,) of `config_direction`'s update Σ_i c_i g_i, from the Gram matrix (m, m) of the g_i in float64."""
    require_length(length)
    # numpy and LAPACK: at this size an operation of torch costs more than its arithmetic
    matrix = gram.cpu().numpy()
    norms = np.sqrt(matrix.diagonal())
    if not math.isfinite(norms.sum()):
        raise ValueError("gradients are not finite")
    active = norms > 0
    target = active if weights is None else active * weights.cpu().numpy()
    # a zero gradient has no direction: its row and column vanish, and with them its share of the target
    inverse_norms = np.divide(1, norms, out=np.zeros_like(norms), where=active)
    cosines = matrix * inverse_norms * inverse_norms[:, None]
    values, vectors, _ = dsyevd(cosines)
    # the pseudo-inverse leaves out eigenvalues that are zero to rounding
    kept = values > _RANK_TOLERANCE * values[-1]
    parts = np.divide(target @ vectors, values, out=np.zeros_like(values), where=kept)
    size = math.sqrt(parts @ (parts * values))
    if size <= _RANK_TOLERANCE:
        return torch.zeros_like(gram[0])
    units = vectors @ parts
    lengths = (
        norms if length == "projections" else _COMMON_LENGTHS[length](norms[active]) * np.ones_like(norms)
    )
    coefficients = lengths @ (cosines @ units) / size**2 * units * inverse_norms
    return torch.from_numpy(coefficients).to(gram.device)


def config_direction(gradients: Tensor, weights: Tensor | None = None, length: str = "projections") -> Tensor:
    """The conflict-free update of m gradients.

    With unit gradients u_i = g_i / |g_i| as the rows of U,

        g_u = unit(U⁺ w),     g = (Σ_i |g_i| u_i · g_u) g_u,

    so that all cosines between g and g_i are positive and as w to one another (equal for w = 1). As
    U⁺ w = Uᵀ (U Uᵀ)⁺ w, only the m x m Gram matrix is decomposed, in float64.

    ``length`` says what |g_i| is in the sum: "projections" leaves it as it is; "min", "max", "harmonic",
    "arithmetic" and "geometric" put the least, the largest or that mean of all |g_i| in its place.

    Where the gradients leave no choice: a zero gradient takes no part; parallel gradients count once each
    in the length; linearly dependent ones get the least-squares compromise; where none descends on all
    (two opposite gradients, say) the update is zero.

    Parameters
    ----------
    gradients : (m, P)
    weights : (m,) non-negative; one by default
    length : the rule for the length of the update

    Returns
    -------
    The update (P,), to be used in place of the gradient of a summed loss.

    Raises ValueError for gradients that are not a matrix or not finite, and for an unknown length.

    Source: Q. Liu, M. Chu, N. Thuerey, arXiv:2408.11104, equations 2 to 4.
    """
    if gradients.dim() != 2:
        raise ValueError(f"gradients must be (losses, parameters), not {tuple(gradients.shape)}")
    return config_coefficients(gram_matrix(gradients), weights, length).to(gradients.dtype) @ gradients


class ConFIG(Balancer):
    """Follows `config_direction` of the losses' gradients; for first-order optimisers.

    Parameters
    ----------
    weights : relative size of the cosine between the update and each loss's gradient, by name; 1 by default
    length : "projections", or the common length of the gradients: "min", "max", "harmonic", "arithmetic", "geometric"
    """

    def __init__(self, weights: Mapping[str, float] | None = None, length: str = "projections") -> None:
        self.weights = dict(weights or {})
        self.length = require_length(length)

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> Balance:
        weights = (
            torch.tensor(loss_weights(losses, self.weights), dtype=torch.float64) if self.weights else None
        )
        gradients = loss_gradients(losses, parameters)
        coefficients = config_coefficients(gram_matrix(gradients), weights, self.length)
        set_gradient(parameters, coefficients.to(gradients.dtype) @ gradients)
        return Balance(coefficients, gradients)
