"""The max-combo test: the largest of several weighted log-rank statistics, judged together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm, qmc

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.fleming_harrington import check_exponents, time_weights
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.two_arms import arm_risk_sets

FOUR_WEIGHTS: Final = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
"""(rho, gamma) for proportional, early, late and middle differences."""

LOG2_POINTS: Final = 14
"""Quasi-random points of the tail probability, as a power of 2. With the four weights p is known to
a relative 1e-5: 16 times as many points, and other scrambles, change it by less than 1e-6."""
_SEED: Final = 20261121
"""Of the scrambled points; p is the same at every call."""
_DEPENDENT: Final = 1e-10
"""Variance left of a statistic given those before it, below which it is a combination of them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxCombo:
    """A max-combo test.

    Parameters
    ----------
    statistic
        Largest absolute z of the weights.
    p_value
        Two-sided, of the largest of the correlated statistics.
    rho, gamma
        Exponents of the weight whose z is largest.
    components
        A row each weight: ``rho``, ``gamma``, ``z`` (negative where fewer of the treated have the
        event than expected), ``p_value`` (its own, not adjusted).
    correlation
        Of the statistics where the hazards are equal, shape ``(weights, weights)``.
    """

    statistic: float
    p_value: float
    rho: float
    gamma: float
    components: pd.DataFrame
    correlation: FloatArray


def max_combo(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    *,
    weights: Sequence[tuple[float, float]] = FOUR_WEIGHTS,
    strata: ArrayLike | None = None,
) -> MaxCombo:
    r"""Test equal hazards by the largest of several Fleming-Harrington statistics.

    .. math:: Z_a = U_a / \sqrt{V_{aa}}, \qquad V_{ab} = \sum_k g_{ak}\, g_{bk}\, v_k, \qquad
              p = 1 - P(|Z_a| \le \max_b |z_b| \text{ for all } a)

    for a normal vector of correlation :math:`V_{ab} / \sqrt{V_{aa} V_{bb}}` (Lee 2007; Karrison
    2016; Lin et al. 2020), with scores and variances as in
    :func:`hccbayes.frequentist.fleming_harrington.fleming_harrington`. The test says that hazards
    differ somewhere, not which arm is better: hazards that cross give small p as well.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    treated
        1 for the treated arm, 0 for control.
    weights
        Pairs (rho, gamma) of exponents, all different.
    strata
        Label of each row's stratum.

    Raises
    ------
    InputError
        If the episodes, arms, strata or weights are wrong.
    NotEstimableError
        If an arm has no patient, or a weight has no event with both arms in its risk set and a
        survivor.
    """
    _check(weights)
    parts = arm_risk_sets(start, stop, event, treated, strata)
    score, covariance = np.zeros(len(weights)), np.zeros((len(weights), len(weights)))
    for part in parts:
        by_time = np.array([time_weights(part, rho, gamma) for rho, gamma in weights])
        score += by_time @ (part.events_treated - part.expected_treated)
        covariance += (by_time * part.variance) @ by_time.T
    se = np.sqrt(np.diag(covariance))
    if (se == 0).any():
        listed = ", ".join(str(pair) for pair, own in zip(weights, se, strict=True) if own == 0)
        message = (
            "no event that has a weight and is survived by somebody has both arms at risk, "
            f"for (rho, gamma) = {listed}"
        )
        raise NotEstimableError(Problem("weights", message))
    z = score / se
    correlation = covariance / np.outer(se, se)
    np.fill_diagonal(correlation, 1.0)
    largest = int(np.argmax(np.abs(z)))
    components = pd.DataFrame(weights, columns=["rho", "gamma"]).astype("float64")
    return MaxCombo(
        statistic=float(abs(z[largest])),
        p_value=largest_exceeds(float(abs(z[largest])), correlation),
        rho=float(weights[largest][0]),
        gamma=float(weights[largest][1]),
        components=components.assign(z=z, p_value=2.0 * norm.sf(np.abs(z))),
        correlation=correlation,
    )


def largest_exceeds(limit: float, correlation: FloatArray) -> float:
    r"""Return the probability that a correlated standard normal leaves a box.

    .. math:: P(\max_a |Z_a| > c) = \sum_a 2 \int_c^\infty \phi(t)\,
              P(|Z_b| \le c \text{ for all } b < a \mid Z_a = t)\, dt

    by the sequential conditioning of Genz (1992) on quasi-random points. The sum over the last
    statistic to leave keeps small p to their relative accuracy, where one less the probability of
    the box is rounding. The correlation is singular as a rule, (0, 0) being the sum of (1, 0) and
    (0, 1): a dependent statistic narrows the interval of the last variable it depends on. SciPy's
    ``multivariate_normal.cdf`` errs there by a tenth of p and more.

    Parameters
    ----------
    limit
        Half the side c of the box, above 0.
    correlation
        Shape ``(weights, weights)``, singular or not.
    """
    tail = float(norm.sf(limit))
    total = 0.0
    for index in range(len(correlation)):
        order = [index, *range(index)]
        factor = _factor(correlation[np.ix_(order, order)])
        sobol = qmc.Sobol(factor.shape[1], rng=np.random.default_rng(_SEED))
        points = sobol.random_base2(LOG2_POINTS)
        # Equal steps of the tail's probability, so that its density is no part of the integrand.
        first = norm.isf(tail * points[:, 0])
        total += 2.0 * tail * float(_inside_given(limit, factor, first, points[:, 1:]).mean())
    return min(total, 1.0)


def _factor(correlation: FloatArray) -> FloatArray:
    """Return L with L L' the correlation: one column each statistic that is no combination."""
    columns: list[FloatArray] = []
    for index in range(len(correlation)):
        rest = correlation[:, index].copy()
        for column in columns:
            rest -= column * column[index]
        if rest[index] > _DEPENDENT:
            rest[:index] = 0.0
            columns.append(rest / np.sqrt(rest[index]))
    factor = np.column_stack(columns)
    # Rounding is no dependence on a later variable.
    factor[np.abs(factor) < np.sqrt(_DEPENDENT)] = 0.0
    return factor


def _inside_given(
    limit: float, factor: FloatArray, first: FloatArray, uniform: FloatArray
) -> FloatArray:
    """Return the probability that all statistics but the first lie in the box, given the first.

    At each point of `first`, shape ``(points,)``, and of `uniform`, shape
    ``(points, columns - 1)``, from which the later variables are drawn within their intervals.
    """
    count = factor.shape[1]
    drawn = np.zeros((len(first), count))
    drawn[:, 0] = first
    last = count - 1 - np.argmax(factor[:, ::-1] != 0, axis=1)
    probability = np.ones(len(first))
    for row in np.flatnonzero(last[1:] == 0) + 1:
        probability *= np.abs(factor[row, 0] * first) <= limit
    for column in range(1, count):
        lower, upper = np.full(len(first), -np.inf), np.full(len(first), np.inf)
        for row in np.flatnonzero(last == column):
            mean, slope = drawn[:, :column] @ factor[row, :column], factor[row, column]
            ends = np.sort([(-limit - mean) / slope, (limit - mean) / slope], axis=0)
            lower, upper = np.maximum(lower, ends[0]), np.minimum(upper, ends[1])
        below = norm.cdf(lower)
        width = np.maximum(norm.cdf(upper) - below, 0.0)
        probability *= width
        inner = below + uniform[:, column - 1] * width
        # Where nothing is left the draw does not matter.
        possible = (width > 0) & (inner > 0) & (inner < 1)
        drawn[possible, column] = norm.ppf(inner[possible])
    return probability


def _check(weights: Sequence[tuple[float, float]]) -> None:
    if not weights:
        raise InputError(Problem("weights", "at least one pair (rho, gamma) is needed"))
    for rho, gamma in weights:
        check_exponents(rho, gamma)
    if len(set(weights)) < len(weights):
        raise InputError(Problem("weights", "a pair (rho, gamma) stands there twice"))
