"""ConFIG: an update that no loss term objects to."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files

import torch
from torch import Tensor

from pdes import native
from sciml.optim.balancer import Balance, Balancer, loss_weights
from sciml.optim.gradients import loss_gradients, set_gradient
from sciml.optim.gram import gram_matrix

_RANK_TOLERANCE = 1e-12
"""Of the eigenvalues of the cosines, to the largest; as in config.cpp."""

_COMMON_LENGTHS: dict[str, Callable[[Tensor], Tensor]] = {
    "min": lambda norms: norms.min(),
    "max": lambda norms: norms.max(),
    "harmonic": lambda norms: 1 / (1 / norms).mean(),
    "arithmetic": lambda norms: norms.mean(),
    "geometric": lambda norms: norms.log().mean().exp(),
}


def require_length(length: str) -> str:
    """``length`` itself; ValueError where there is no such rule."""
    rules = ("projections", *_COMMON_LENGTHS)
    if length not in rules:
        raise ValueError(f"unknown length {length!r}; choose {', '.join(rules)}")
    return length


def config_coefficients(gram: Tensor, weights: Tensor | None = None, length: str = "projections") -> Tensor:
    """The c (m,) of `config_direction`'s update Σ_i c_i g_i, from the Gram matrix (m, m) of the g_i in float64.

    With the cosines C of the gradients, u = C⁺ w and |g_i| = ℓ_i in the length,

        c_i = (ℓ · C u) / (w · u) u_i / |g_i|.
    """
    lengths = None
    if require_length(length) != "projections":
        norms = gram.diagonal().sqrt()
        active = norms[norms > 0]
        lengths = _COMMON_LENGTHS[length](active).expand(len(norms)) if len(active) else norms
    kernel = _kernel() if native.readable(gram) else None
    # at this size an operation of torch costs more than its arithmetic
    coefficients = _coefficients(gram, weights, lengths) if kernel is None else kernel(gram, weights, lengths)
    if coefficients is None:
        raise ValueError("gradients are not finite")
    return coefficients


def _coefficients(gram: Tensor, weights: Tensor | None, lengths: Tensor | None) -> Tensor | None:
    """As config.cpp; None where the Gram matrix is not finite."""
    norms = gram.diagonal().sqrt()
    if not norms.isfinite().all():
        return None
    # a zero gradient has no direction: its row and column vanish, and with them its share of the target
    active = norms > 0
    inverse_norms = torch.where(active, 1 / norms, 0)
    target = active.to(gram.dtype) if weights is None else active * weights
    cosines = gram * inverse_norms * inverse_norms[:, None]
    units = torch.linalg.pinv(cosines, rtol=_RANK_TOLERANCE, hermitian=True) @ target
    covered = cosines @ units
    # as a sum of squares, w · u has no rounding that hides a zero
    square = units @ covered
    if square <= _RANK_TOLERANCE**2:
        return torch.zeros_like(norms)
    return (norms if lengths is None else lengths) @ covered / square * units * inverse_norms


@cache
def _kernel() -> Callable[[Tensor, Tensor | None, Tensor | None], Tensor | None] | None:
    """`_coefficients` as the compiled function; None where there is none."""
    library = native.load(files("sciml.optim").joinpath("config.cpp").read_text(encoding="utf-8"))
    if library is None:
        return None
    function, pointer = library.config_coefficients, ctypes.c_void_p
    function.argtypes = pointer, ctypes.c_int64, pointer, pointer, pointer
    function.restype = ctypes.c_bool

    def coefficients(gram: Tensor, weights: Tensor | None, lengths: Tensor | None) -> Tensor | None:
        found = torch.empty(len(gram), dtype=gram.dtype)
        given = [None if t is None else t.contiguous() for t in (weights, lengths)]
        addresses = [None if t is None else t.data_ptr() for t in given]
        finite = function(gram.contiguous().data_ptr(), len(gram), *addresses, found.data_ptr())
        return found if finite else None

    return coefficients


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
