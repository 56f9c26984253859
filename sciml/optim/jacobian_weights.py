"""Weights of losses for least squares, from the Jacobians of their residuals."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_LARGEST = 1e4


def kernel_traces(jacobians: Mapping[str, Tensor]) -> dict[str, float]:
    """tr J_i J_iᵀ = |J_i|² by the name of the loss: the sum of the rates at which gradient flow lowers it."""
    return {name: float(jacobian.norm()) ** 2 for name, jacobian in jacobians.items()}


def jacobian_weights(jacobians: Mapping[str, Tensor]) -> dict[str, float]:
    """w_i = max_j |J_j|² / |J_i|², at most 1e4: blocks of one Frobenius norm, the largest with weight 1.

    |J_i|² is the trace of the kernel, see `kernel_traces`. A residual that does not depend on the parameters gets weight 1.

    Parameters
    ----------
    jacobians : J_i (n_i, P) by the name of the loss, of residuals whose square sum is the loss

    Source: S. Wang, X. Yu, P. Perdikaris, J. Comput. Phys. 449 (2022) 110768, for traces as rates.
    """
    traces = kernel_traces(jacobians)
    largest = max(traces.values())
    return {name: min(largest / trace, _LARGEST) if trace else 1.0 for name, trace in traces.items()}
