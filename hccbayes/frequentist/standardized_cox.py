r"""Cox regression standardized over a population: the frequentist side of g-computation.

.. math:: S_a(t) = \sum_i \pi_i \exp\{-\Lambda_0(t)\, e^{z_{ia}'\beta}\}

with :math:`z_{ia}` patient i's covariates under arm a and :math:`\Lambda_0` the baseline of the
fitted model, with Efron's ties as in R's ``survfit(coxph())``. Direct adjusted survival (Makuch
1982; Zhang, Loberiza, Klein & Zhang 2007, Computer Methods and Programs in Biomedicine 88:95).

Every quantity is kept with its loadings on independent errors of variance 1: one a coefficient and
one a denominator of the likelihood. Sums of quantities are sums of loadings, and a standard error
is the length of them. The population's patients are taken as given, as in the Bayesian numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hccbayes.arms import ARM_VALUE, Arm
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import numbers
from hccbayes.frequentist.cox import cox, design_values
from hccbayes.frequentist.curve_limits import curve_columns
from hccbayes.frequentist.episodes import Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.kaplan_meier import MedianSurvival, median_survival
from hccbayes.frequentist.partial_likelihood import (
    Slots,
    Ties,
    likelihood_slots,
    partial_likelihood,
)
from hccbayes.standardization import marginal_log_hr

_STEP = 1e-6
"""Of survival, for the slopes of the marginal hazard ratio."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """Quantities with their loadings.

    Parameters
    ----------
    value
        Shape ``(quantities,)``.
    loadings
        On independent errors of variance 1, shape ``(quantities, errors)``.
    """

    value: FloatArray
    loadings: FloatArray

    @property
    def se(self) -> FloatArray:
        """Standard errors, shape ``(quantities,)``."""
        return np.linalg.norm(self.loadings, axis=1)

    def minus(self, other: Loaded) -> Loaded:
        """Return the difference, errors in common cancelling."""
        return Loaded(self.value - other.value, self.loadings - other.loadings)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StandardizedCurve:
    """The population's survival under one arm, a step function.

    Parameters
    ----------
    time
        0 and the distinct event times, months, shape ``(times,)``.
    survival
        From each time on, with its loadings.
    """

    time: FloatArray
    survival: Loaded

    def at(self, times: ArrayLike) -> Loaded:
        """Return survival at given times in months; after the last event it stays."""
        clock = np.asarray(times, dtype=np.float64)
        row = np.searchsorted(self.time, clock, side="right") - 1
        return Loaded(self.survival.value[row], self.survival.loadings[row])

    def restricted_mean(self, horizon: float) -> Loaded:
        """Return the area under the curve to `horizon` months, one quantity."""
        ends = np.append(self.time[1:], np.inf)
        width = np.clip(np.minimum(ends, horizon) - self.time, 0.0, None)
        return Loaded(width[None] @ self.survival.value, width[None] @ self.survival.loadings)

    def median(self, prob: float = INTERVAL_PROB) -> MedianSurvival:
        """Return the median with limits where the pointwise limits (log scale) cross one half."""
        value, se = self.survival.value[1:], self.survival.se[1:]
        columns = curve_columns(value, se / value, "log", prob)
        table = pd.DataFrame({"time": self.time} | columns)
        return median_survival(table.assign(interval_kind="log", interval_prob=prob))


def standardized_cox(
    design: pd.DataFrame,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    population: ArrayLike | None = None,
    ties: Ties = "efron",
) -> Mapping[Arm, StandardizedCurve]:
    r"""Return survival of a population if everybody were treated, and if nobody were.

    With :math:`r_{ia} = e^{z_{ia}'\beta}` and, in each denominator s of the partial likelihood,
    hazard :math:`\lambda_s = m_s / T_s` (deaths over the weighted number at risk) and mean
    covariate :math:`\bar x_s`, the variance of :math:`S_a(t)` is

    .. math:: D' I^{-1} D + A^2 \sum_{t_s \le t} m_s / T_s^2, \qquad
              A = \sum_i \pi_i r_{ia} S_{ia}(t), \qquad
              D = \sum_i \pi_i r_{ia} S_{ia}(t)
                  \sum_{t_s \le t} \lambda_s (z_{ia} - \bar x_s)

    which for a single patient is the variance of R's ``survfit(coxph(), newdata)``.

    Parameters
    ----------
    design
        One column a term, the first ``treatment`` (0 or 1), one row a patient, without intercept.
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    population
        Weight of each row, at least 0; everybody alike where left out.
    ties
        ``efron`` or ``breslow``.

    Returns
    -------
    mapping
        Curve of each arm. Their loadings are on the same errors.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        As for :func:`hccbayes.frequentist.cox.cox`.
    """
    if list(design.columns[:1]) != ["treatment"]:
        raise InputError(Problem("design", "its first column must be `treatment`"))
    fit = cox(design, start, stop, event, ties=ties)
    episodes = Episodes.of(start, stop, event)
    values, _ = design_values(design, len(episodes.stop))
    share = _shares(population, len(values))
    slots = likelihood_slots(episodes, stratum_codes(None, len(values)), ties)
    # Only differences to the mean patient matter, and they keep exponentials small.
    center = values.mean(axis=0)
    baseline = _baseline(values - center, fit.coef, episodes, slots)
    curves: dict[Arm, StandardizedCurve] = {}
    for arm, value in ARM_VALUE.items():
        counterfactual = values.copy()
        counterfactual[:, 0] = value
        curves[arm] = _curve(counterfactual - center, share, fit.coef, baseline)
    return curves


def standardized_marginal_log_hr(
    curves: Mapping[Arm, StandardizedCurve], grid: FloatArray, censoring_survival: FloatArray
) -> Loaded:
    """Return the marginal log hazard ratio of the curves, one quantity.

    Parameters
    ----------
    curves
        From :func:`standardized_cox`.
    grid
        Months from 0 on at which the curves are read.
    censoring_survival
        Probability of being uncensored in the middle of each step of the grid; the definition is
        that of :func:`hccbayes.standardization.marginal_log_hr`.
    """
    read = {arm: curve.at(grid) for arm, curve in curves.items()}
    treated, control = read["treated"], read["control"]
    # Survival at time 0 is 1 and has no error.
    moved = _STEP * np.eye(len(grid))[1:]
    rows = len(moved)
    shifted = marginal_log_hr(
        np.concatenate([treated.value + moved, treated.value - moved, _repeat(treated, 2 * rows)]),
        np.concatenate([_repeat(control, 2 * rows), control.value + moved, control.value - moved]),
        censoring_survival,
    ).reshape(4, rows)
    slopes = (shifted[[0, 2]] - shifted[[1, 3]]) / (2 * _STEP)
    loadings = slopes[0] @ treated.loadings[1:] + slopes[1] @ control.loadings[1:]
    value = marginal_log_hr(treated.value[None], control.value[None], censoring_survival)
    return Loaded(value, loadings[None])


def _repeat(survival: Loaded, rows: int) -> FloatArray:
    return np.tile(survival.value, (rows, 1))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Baseline:
    r"""Hazard of the mean patient by event time, and what its error is made of.

    Parameters
    ----------
    time
        Distinct event times, shape ``(times,)``.
    cumulative
        Cumulative hazard at them.
    of_coef
        Its derivative with respect to the coefficients with the sign changed,
        :math:`\sum \lambda_s \bar x_s`, shape ``(times, terms)``.
    own
        Loadings of the cumulative hazard for given coefficients, shape ``(times, slots)``.
    root
        Square root of the coefficients' covariance, shape ``(terms, terms)``.
    """

    time: FloatArray
    cumulative: FloatArray
    of_coef: FloatArray
    own: FloatArray
    root: FloatArray


def _baseline(values: FloatArray, coef: FloatArray, episodes: Episodes, slots: Slots) -> _Baseline:
    risk = np.exp(values @ coef)
    total = risk @ slots.members
    deaths = slots.deaths.sum(axis=0)
    hazard = deaths / total
    mean = (slots.members * risk[:, None] / total).T @ values
    when = episodes.stop[slots.deaths.argmax(axis=0)]
    time = np.unique(when)
    before = when <= time[:, None]
    information = partial_likelihood(values, np.ones(len(values)), slots, coef).information
    return _Baseline(
        time=time,
        cumulative=before @ hazard,
        of_coef=before @ (hazard[:, None] * mean),
        own=before * (np.sqrt(deaths) / total),
        root=np.linalg.cholesky(np.linalg.inv(information)),
    )


def _curve(
    values: FloatArray, share: FloatArray, coef: FloatArray, baseline: _Baseline
) -> StandardizedCurve:
    risk = np.exp(values @ coef)
    alive = np.exp(-np.outer(baseline.cumulative, risk))
    weight = share * risk
    fall = alive @ weight
    slope = baseline.cumulative[:, None] * (alive @ (weight[:, None] * values))
    slope -= fall[:, None] * baseline.of_coef
    loadings = -np.hstack([slope @ baseline.root, fall[:, None] * baseline.own])
    at_zero = np.zeros((1, loadings.shape[1]))
    return StandardizedCurve(
        time=np.concatenate([[0.0], baseline.time]),
        survival=Loaded(
            np.concatenate([[1.0], alive @ share]), np.concatenate([at_zero, loadings])
        ),
    )


def _shares(population: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    if population is None:
        return np.full(rows, 1.0 / rows)
    weights = numbers(population, "population")
    good = weights.shape == (rows,) and np.isfinite(weights).all() and (weights >= 0).all()
    if not good or weights.sum() == 0:
        message = "one finite weight a row is needed, none negative and not all 0"
        raise InputError(Problem("population", message))
    return weights / weights.sum()
