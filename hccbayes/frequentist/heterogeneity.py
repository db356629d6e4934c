r"""How much effects of several studies differ beyond their standard errors.

The model is :math:`y_k \sim N(\theta_k, s_k^2)`, :math:`\theta_k \sim N(\mu, \tau^2)` with known
:math:`s_k`. statsmodels' ``combine_effects`` has no restricted maximum likelihood, stops the
Paule-Mandel iteration at 1e-5 and lets I-squared be negative; these are SciPy roots of the
estimating equations instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2 as chi2_distribution

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import FloatArray

Estimator = Literal["dersimonian_laird", "reml", "paule_mandel"]

_GRID: Final = 400
"""Steps in which the restricted likelihood, which may have several maxima, is searched."""
_ROOT: Final = 4.0 * float(np.finfo(np.float64).eps)
"""Relative error of a root, the smallest that Brent's method takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    r"""Cochran's test of equal effects, and what does not hang on an estimator.

    Parameters
    ----------
    q
        :math:`Q = \sum_k w_k (y_k - \hat\mu)^2` with :math:`w_k = 1 / s_k^2`.
    degrees
        Its degrees of freedom, studies less one.
    p_value
        Chi-square tail; ``nan`` for a single study.
    typical_variance
        Within-study variance :math:`(k - 1) \sum w / ((\sum w)^2 - \sum w^2)` of Higgins and
        Thompson (2002); ``nan`` for a single study.
    """

    q: float
    degrees: int
    p_value: float
    typical_variance: float


def pooled_effect(
    effects: FloatArray, variances: FloatArray, tau_squared: float
) -> tuple[float, float]:
    """Return the inverse-variance mean of effects and its Wald standard error."""
    weights = 1.0 / (variances + tau_squared)
    return float(np.average(effects, weights=weights)), float(weights.sum() ** -0.5)


def cochran_q(effects: FloatArray, variances: FloatArray) -> Heterogeneity:
    """Return Cochran's Q with its test.

    Parameters
    ----------
    effects, variances
        Log hazard ratios and squared standard errors, shape ``(studies,)``.
    """
    degrees = len(effects) - 1
    weights = 1.0 / variances
    q = _generalized_q(effects, variances, 0.0)
    if degrees == 0:
        return Heterogeneity(q=q, degrees=0, p_value=math.nan, typical_variance=math.nan)
    typical = degrees * weights.sum() / (weights.sum() ** 2 - (weights**2).sum())
    return Heterogeneity(
        q=q,
        degrees=degrees,
        p_value=float(chi2_distribution.sf(q, degrees)),
        typical_variance=float(typical),
    )


def i_squared(tau_squared: float, heterogeneity: Heterogeneity) -> float:
    r"""Return :math:`I^2 = 100\, \tau^2 / (\tau^2 + s^2)` in percent, with the typical variance.

    With DerSimonian and Laird's estimate this is :math:`100\,(Q - (k - 1)) / Q`, not below 0.
    """
    return 100.0 * tau_squared / (tau_squared + heterogeneity.typical_variance)


def h_squared(tau_squared: float, heterogeneity: Heterogeneity) -> float:
    r"""Return :math:`H^2 = (\tau^2 + s^2) / s^2`, 1 where the studies agree."""
    return 1.0 + tau_squared / heterogeneity.typical_variance


def tau_squared(effects: FloatArray, variances: FloatArray, estimator: Estimator) -> float:
    r"""Return the between-study variance, not below 0.

    ``dersimonian_laird`` solves Cochran's Q for its expectation in closed form (DerSimonian and
    Laird 1986, Controlled Clinical Trials 7:177); ``paule_mandel`` is the root of
    :math:`\sum (y_k - \hat\mu)^2 / (s_k^2 + \tau^2) = k - 1` (Paule and Mandel 1982); ``reml``
    maximizes the restricted likelihood, globally.

    Parameters
    ----------
    effects, variances
        Log hazard ratios and squared standard errors of two studies at least.
    estimator
        Which one.

    Raises
    ------
    InputError
        If the estimator is not known, or there are fewer than two studies.
    """
    if estimator not in get_args(Estimator):
        known = ", ".join(get_args(Estimator))
        raise InputError(
            Problem("estimator", f"unknown estimator {estimator!r}; choose from {known}")
        )
    if len(effects) < 2:
        raise InputError(Problem("studies", "a between-study variance needs two studies at least"))
    return _ESTIMATORS[estimator](effects, variances)


def tau_squared_limits(
    effects: FloatArray, variances: FloatArray, prob: float
) -> tuple[float, float]:
    """Return Q-profile limits of the between-study variance.

    Where the generalized Q has the quantiles of its chi-square distribution (Viechtbauer 2007,
    Statistics in Medicine 26:37); a limit is 0 where Q lies below its quantile even without
    heterogeneity.
    """
    degrees = len(effects) - 1
    tails = ((1.0 + prob) / 2.0, (1.0 - prob) / 2.0)
    low, high = (
        _root_of_q(effects, variances, float(chi2_distribution.ppf(tail, degrees)))
        for tail in tails
    )
    return low, high


def _dersimonian_laird(effects: FloatArray, variances: FloatArray) -> float:
    weights = 1.0 / variances
    q = _generalized_q(effects, variances, 0.0)
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    return max(0.0, float((q - (len(effects) - 1)) / scale))


def _paule_mandel(effects: FloatArray, variances: FloatArray) -> float:
    return _root_of_q(effects, variances, float(len(effects) - 1))


def _root_of_q(effects: FloatArray, variances: FloatArray, target: float) -> float:
    """Return where the generalized Q, which falls with the variance, comes down to a target."""

    def excess(value: float) -> float:
        return _generalized_q(effects, variances, value) - target

    if excess(0.0) <= 0:
        return 0.0
    upper = _beyond(excess, float(variances.max()))
    return float(brentq(excess, 0.0, upper, xtol=_ROOT * upper, rtol=_ROOT))


def _reml(effects: FloatArray, variances: FloatArray) -> float:
    """Return the highest of the maxima that a grid finds, each polished by the score's root."""

    def score(value: float) -> float:
        return _restricted_score(effects, variances, value)

    # Beyond the squared range of the effects the score is negative for good.
    upper = _beyond(score, float(np.ptp(effects) ** 2 + variances.max()))
    # Dense near 0, where standard errors are of the size of the between-study variance.
    grid = upper * np.linspace(0.0, 1.0, _GRID + 1) ** 2
    signs = np.array([score(value) > 0 for value in grid])
    maxima = [0.0] + [
        float(brentq(score, grid[place], grid[place + 1], xtol=_ROOT * upper, rtol=_ROOT))
        for place in np.flatnonzero(signs[:-1] & ~signs[1:])
    ]
    return max(maxima, key=lambda value: _restricted_log_likelihood(effects, variances, value))


def _beyond(function: Callable[[float], float], start: float) -> float:
    """Return a value from which on the function is negative."""
    upper = start
    while function(upper) >= 0:
        upper *= 2.0
    return upper


def _generalized_q(effects: FloatArray, variances: FloatArray, value: float) -> float:
    mean, _ = pooled_effect(effects, variances, value)
    return float(((effects - mean) ** 2 / (variances + value)).sum())


def _restricted_score(effects: FloatArray, variances: FloatArray, value: float) -> float:
    r"""Return twice the derivative of the restricted log-likelihood in the variance.

    :math:`\sum w^2 (y - \hat\mu)^2 - \sum w + \sum w^2 / \sum w`.
    """
    weights = 1.0 / (variances + value)
    mean, _ = pooled_effect(effects, variances, value)
    total, squares = weights.sum(), weights**2
    return float((squares * (effects - mean) ** 2).sum() - total + squares.sum() / total)


def _restricted_log_likelihood(effects: FloatArray, variances: FloatArray, value: float) -> float:
    weights = 1.0 / (variances + value)
    q = _generalized_q(effects, variances, value)
    return float(0.5 * (np.log(weights).sum() - math.log(weights.sum()) - q))


_ESTIMATORS: Final[Mapping[Estimator, Callable[[FloatArray, FloatArray], float]]] = (
    MappingProxyType(
        {
            "dersimonian_laird": _dersimonian_laird,
            "reml": _reml,
            "paule_mandel": _paule_mandel,
        }
    )
)
