"""ConFIG: an update that no loss term objects to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sciml.optim.balancer import Balancer, loss_weights
from sciml.optim.gradients import loss_gradients, set_gradient

_RANK_TOLERANCE = 1e-12


def config_direction(gradients: Tensor, weights: Tensor | None = None) -> Tensor:
    """The conflict-free update of m gradients.

    With unit gradients u_i = g_i / |g_i| as the rows of U,

        g_u = unit(U⁺ w),     g = (Σ_i g_i · g_u) g_u,

    so that all cosines between g and g_i are positive and as w to one another (equal for w = 1). As
    U⁺ w = Uᵀ (U Uᵀ)⁺ w, only the m x m Gram matrix is decomposed, in float64.

    Where the gradients leave no choice: a zero gradient takes no part; parallel gradients count once each
    in the length; linearly dependent ones get the least-squares compromise; where none descends on all
    (two opposite gradients, say) the update is zero.

    Parameters
    ----------
    gradients : (m, P)
    weights : (m,) non-negative; one by default

    Returns
    -------
    The update (P,), to be used in place of the gradient of a summed loss.

    Raises ValueError for gradients that are not a matrix or not finite.

    Source: Q. Liu, M. Chu, N. Thuerey, arXiv:2408.11104, equations 2 to 4.
    """
    if gradients.dim() != 2:
        raise ValueError(f"gradients must be (losses, parameters), not {tuple(gradients.shape)}")
    gram = (gradients @ gradients.T).to(torch.float64)
    if not torch.isfinite(gram).all():
        raise ValueError("gradients are not finite")
    norms = gram.diagonal().clamp(min=0).sqrt()
    active = norms > 0
    if not active.any():
        return torch.zeros_like(gradients[0])
    target = torch.ones_like(norms) if weights is None else weights.to(gram)
    # a zero gradient has no direction: its row and column vanish, and with them its share of the target
    inverse_norms = torch.where(active, 1 / norms.clamp(min=torch.finfo(torch.float64).tiny), 0.0)
    cosines = gram * inverse_norms[:, None] * inverse_norms
    coefficients = torch.linalg.pinv(cosines, rtol=_RANK_TOLERANCE, hermitian=True) @ (target * active)
    length = torch.sqrt((coefficients @ cosines @ coefficients).clamp(min=0))
    if length <= _RANK_TOLERANCE:
        return torch.zeros_like(gradients[0])
    projections = norms * (cosines @ coefficients) / length
    scale = projections.sum() * coefficients * inverse_norms / length
    return scale.to(gradients.dtype) @ gradients


class ConFIG(Balancer):
    """Follows `config_direction` of the losses' gradients; for first-order optimisers.

    Parameters
    ----------
    weights : relative size of the cosine between the update and each loss's gradient, by name; 1 by default
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self.weights = dict(weights or {})

    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> None:
        weights = torch.tensor(loss_weights(losses, self.weights))
        set_gradient(parameters, config_direction(loss_gradients(losses, parameters), weights))
