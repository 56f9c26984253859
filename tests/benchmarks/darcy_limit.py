"""How accurate any prediction of Darcy flow can be that knows the permeability at the points of a grid only.

The permeability, a function of the sign of g ~ N(0, (-Δ + 9 I)^-2), jumps somewhere between two points of different signs, and its law leaves open where.
The smallest expected error has the mean of the solution over that law: g at the points is drawn by a Gibbs sampler given its signs there, g on the
solver's grid by conditioning on these values, and each is solved for.

Source: S. Geman, D. Geman, IEEE Trans. Pattern Anal. Mach. Intell. 6 (1984) 721 (Gibbs sampler); J. P. Chilès, P. Delfiner, Geostatistics (2012),
section 7.3 (conditioning by kriging of the residuals).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import log_ndtr, ndtri_exp

from pdes.random_fields import gaussian_random_field
from pdes.solvers import solve_darcy
from sciml.data import locate_recipe, read_recipe

RECIPE = read_recipe(locate_recipe("darcy"))
PHASES = RECIPE.fields["a"]["threshold"]
LAW = {name: value for name, value in RECIPE.fields["a"].items() if name != "threshold"}
GRID = RECIPE.grids[-1]
FINE = GRID.shape[0]
BLOCK = 64
"""Sites between two updates of all others, which are then one matrix product."""


class Limit(NamedTuple):
    """Relative to the norm of the solution: the error of the conditional mean, and the deviation of the draws from it."""

    error: float
    spread: float


def cosines(n: int) -> np.ndarray:
    """(n, modes): the orthonormal eigenfunctions of an axis at n vertices."""
    values = math.sqrt(2) * np.cos(np.pi * np.outer(np.linspace(0, 1, n), np.arange(LAW["modes"] + 1)))
    values[:, 0] = 1.0
    return values


def variances() -> np.ndarray:
    """(modes, modes): of the coefficients of g."""
    k_squared = (np.pi * np.arange(LAW["modes"] + 1)) ** 2
    found = (k_squared[:, None] + k_squared + LAW["tau"] ** 2) ** -LAW["alpha"]
    found[0, 0] = 0.0
    return found


def covariance(n: int) -> np.ndarray:
    """Of g at n x n vertices, (n², n²)."""
    basis = cosines(n)
    pairs = np.einsum("ik,pk->ipk", basis, basis).reshape(n * n, -1)
    found = (pairs @ variances() @ pairs.T).reshape(n, n, n, n)
    return found.transpose(0, 2, 1, 3).reshape(n * n, n * n)


def gibbs_sweeps(
    g: np.ndarray, signs: np.ndarray, precision: np.ndarray, sweeps: int, rng: np.random.Generator
) -> np.ndarray:
    """The states (chains, sites) after so many sweeps over N(0, precision^-1) given ``signs`` (chains, sites)."""
    g = g.copy()
    sites, deviations = g.shape[1], np.diag(precision) ** -0.5
    for _ in range(sweeps):
        product = g @ precision
        for first in range(0, sites, BLOCK):
            block = slice(first, first + BLOCK)
            inner, before, here = precision[block, block], g[:, block].copy(), product[:, block].copy()
            for i, site in enumerate(range(first, min(first + BLOCK, sites))):
                deviation, sign = deviations[site], signs[:, site]
                mean = g[:, site] - here[:, i] * deviation**2
                # the part of a normal distribution above -sign mean / deviation, by its survival function
                survival = log_ndtr(sign * mean / deviation) + np.log1p(-rng.random(len(g)))
                drawn = mean - sign * deviation * ndtri_exp(survival)
                here += (drawn - g[:, site])[:, None] * inner[i]
                g[:, site] = drawn
            product += (g[:, block] - before) @ precision[block]
    return g


def conditional_fields(coarse: np.ndarray, precision: np.ndarray, seed: int) -> np.ndarray:
    """g on the solver's grid (draws, FINE, FINE), drawn given its values ``coarse`` (draws, n, n), which have that ``precision``."""
    draws, n, _ = coarse.shape
    free = gaussian_random_field(draws, GRID, generator=torch.Generator().manual_seed(seed), **LAW).numpy()
    stride = (FINE - 1) // (n - 1)
    residual = coarse - free[:, ::stride, ::stride]
    weighted = (residual.reshape(draws, -1) @ precision).reshape(draws, n, n)
    near, far = cosines(n), cosines(FINE)
    return free + far @ (variances() * (near.T @ weighted @ near)) @ far.T


def limits(
    permeability: np.ndarray,
    solution: np.ndarray,
    *,
    chains: int,
    draws: int,
    burn_in: int,
    thin: int,
    seed: int,
) -> list[Limit]:
    """Of each sample: ``permeability`` and ``solution`` (samples, n, n). Each of its ``chains`` gives so many ``draws``."""
    rng = np.random.default_rng(seed)
    samples, n, _ = permeability.shape
    law = covariance(n)
    precision = np.linalg.inv(law)
    signs = np.where(permeability > (PHASES["below"] + PHASES["above"]) / 2, 1.0, -1.0).reshape(samples, -1)
    signs = signs.repeat(chains, axis=0)
    # as far apart as free fields are
    state = signs * np.abs(rng.standard_normal(signs.shape) @ np.linalg.cholesky(law).T)
    state = gibbs_sweeps(state, signs, precision, burn_in, rng)
    drawn = []
    for _ in range(draws):
        state = gibbs_sweeps(state, signs, precision, thin, rng)
        drawn.append(state.reshape(samples, chains, n, n))
    fields = np.concatenate(drawn, axis=1)
    stride, found = (FINE - 1) // (n - 1), []
    for i in range(samples):
        g = conditional_fields(fields[i], precision, seed=seed + i)
        a = torch.from_numpy(np.where(g >= 0, PHASES["above"], PHASES["below"]))
        u = solve_darcy(a, GRID).numpy()[:, ::stride, ::stride]
        size = np.linalg.norm(solution[i])
        deviation = math.sqrt(u.var(axis=0, ddof=1).sum())
        found.append(Limit(np.linalg.norm(u.mean(axis=0) - solution[i]) / size, deviation / size))
    return found
