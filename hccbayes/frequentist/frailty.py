"""Cox regression with a random effect of each center: gamma or Gaussian frailty, as R's ``coxph``.

The penalized partial likelihood of Therneau, Grambsch & Pankratz (2003, Journal of Computational
and Graphical Statistics 12:156), solved to rounding for each variance of the frailty, and the
variance as the root of its own estimating equation. R stops where the likelihood no longer changes
by 1e-5 of itself; its variances, and through them its coefficients, carry that error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import check_known, check_prob, is_number
from hccbayes.frequentist.cox import check_identified, design_values, not_estimable
from hccbayes.frequentist.episodes import Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.frailty_model import FrailtyMaximum, FrailtyModel
from hccbayes.frequentist.frailty_penalty import FRAILTIES, FrailtyDistribution
from hccbayes.frequentist.identifiability import NotEstimableError, separated_terms
from hccbayes.frequentist.newton import NoMaximumError
from hccbayes.frequentist.partial_likelihood import Ties, likelihood_slots
from hccbayes.frequentist.weighted_cox import check_variances


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrailtyCoxFit:
    """A Cox model with a frailty of each cluster, on the scale of the design it was given.

    Parameters
    ----------
    terms
        Names of the design's columns.
    coef, se
        Log hazard ratios within a cluster and their standard errors from the inverse penalized
        information, shape ``(terms,)``; the uncertainty of `variance` is not in them, as in R.
    lower, upper
        Wald limits of `coef`.
    interval_prob
        Probability of the limits.
    variance
        Of the frailties (gamma), or of their logarithms (Gaussian); 0 where the estimating
        equation has no root above 1e-4.
    log_frailty
        Of each cluster, indexed by its label.
    log_likelihood
        Log partial likelihood at coefficients and frailties, without the penalty.
    marginal_log_likelihood
        With gamma frailties integrated out, R's ``I-likelihood``; ``nan`` for Gaussian ones.
    rows, events
        Rows and events used.
    method
        ``cox_efron_frailty_gamma`` and the like.
    reason
        Why the variance is 0; empty where it is not.
    """

    terms: tuple[str, ...]
    coef: FloatArray
    se: FloatArray
    lower: FloatArray
    upper: FloatArray
    interval_prob: float
    variance: float
    log_frailty: pd.Series
    log_likelihood: float
    marginal_log_likelihood: float
    rows: int
    events: int
    method: str
    reason: str


def frailty_cox(
    design: pd.DataFrame,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    cluster: ArrayLike,
    *,
    distribution: FrailtyDistribution = "gamma",
    variance: float | None = None,
    sparse: bool = False,
    strata: ArrayLike | None = None,
    ties: Ties = "efron",
    prob: float = INTERVAL_PROB,
) -> FrailtyCoxFit:
    r"""Fit a Cox model in which each cluster multiplies the hazard by a frailty of its own.

    .. math:: \lambda_{ij}(t) = \lambda_0(t)\, e^{\omega_j + x_{ij}'\beta}

    maximizing :math:`\ell(\beta, \omega) - g(\omega; \theta)`; penalties and equations of
    :math:`\theta` stand in :mod:`hccbayes.frequentist.frailty_penalty`. With 2 to 4 centers
    :math:`\theta` is hardly determined: centers as strata
    (:func:`hccbayes.frequentist.cox.cox`) ask for less.

    Parameters
    ----------
    design
        One column a term, one row an episode, without intercept and without clusters.
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    cluster
        Label of each row's cluster (center).
    distribution
        ``gamma`` or ``gaussian``.
    variance
        Given, not estimated, where it is a number above 0: R's ``frailty(theta = )``.
    sparse
        Whether the information of the frailties is taken as diagonal where it is inverted, as R
        does by default with more than five clusters: standard errors, and Gaussian variances, are
        slightly wrong then, and equal to R's default.
    strata
        Label of each row's stratum.
    ties
        ``efron`` or ``breslow``.
    prob
        Probability of the Wald limits.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If there is no event or only one cluster, a coefficient is not determined, or the variance
        runs above 100.
    """
    _check(distribution, variance, prob)
    episodes = Episodes.of(start, stop, event)
    values, terms = design_values(design, len(episodes.stop))
    codes = stratum_codes(strata, len(values))
    groups, labels = _clusters(cluster, len(values))
    if not episodes.event.any():
        raise NotEstimableError(Problem("event", "no event: a Cox model has nothing to fit"))
    check_identified(values, terms, episodes, codes)
    scale = values.std(axis=0)
    standardized = (values - values.mean(axis=0)) / scale
    model = FrailtyModel(
        design=np.concatenate([standardized, np.eye(len(labels))[groups]], axis=1),
        terms=len(terms),
        slots=likelihood_slots(episodes, codes, ties),
        frailty=FRAILTIES[distribution],
        events=np.bincount(groups, episodes.event, len(labels)),
        sparse=sparse,
    )
    best = _maximum(model, variance, terms, episodes, codes)
    standard = np.sqrt(np.diag(best.covariance)[: len(terms)])
    coef, se = best.coef[: len(terms)] / scale, standard / scale
    half = float(norm.ppf((1 + prob) / 2)) * se
    return FrailtyCoxFit(
        terms=terms,
        coef=coef,
        se=se,
        lower=coef - half,
        upper=coef + half,
        interval_prob=prob,
        variance=best.variance,
        log_frailty=pd.Series(best.coef[len(terms) :], index=labels, name="log_frailty"),
        log_likelihood=best.log_likelihood,
        marginal_log_likelihood=best.marginal,
        rows=len(values),
        events=int(episodes.event.sum()),
        method=f"cox_{ties}_frailty_{distribution}",
        reason="" if best.variance > 0 else "the clusters differ by no more than chance makes them",
    )


def _maximum(
    model: FrailtyModel,
    variance: float | None,
    terms: Sequence[str],
    episodes: Episodes,
    strata: NDArray[np.intp],
) -> FrailtyMaximum:
    """Return the maximum at the variance given, or the best one.

    Raises
    ------
    NotEstimableError
        If there is none; naming the terms that run to infinity.
    """
    design = model.design[:, : len(terms)]
    try:
        best = model.at(variance) if variance is not None else model.best()
    except (NoMaximumError, np.linalg.LinAlgError) as failure:
        separated = separated_terms(design, terms, episodes, strata)
        raise not_estimable(separated, terms, str(failure)) from None
    check_variances(np.diag(best.covariance)[: len(terms)], design, terms, episodes, strata)
    return best


def _clusters(cluster: ArrayLike, rows: int) -> tuple[NDArray[np.intp], pd.Index]:
    """Return each row's cluster as 0, 1, ... and the labels in their order."""
    groups = np.asarray(cluster)
    if groups.shape != (rows,):
        raise InputError(Problem("cluster", f"one label a row is needed: {rows}"))
    codes, labels = pd.factorize(groups, sort=True)
    if (codes < 0).any():
        where = tuple(str(row) for row in np.flatnonzero(codes < 0))
        raise InputError(Problem("cluster", "missing values are not a cluster", where))
    if len(labels) < 2:
        message = "one cluster tells nothing of how clusters differ"
        raise NotEstimableError(Problem("cluster", message))
    return codes.astype(np.intp), pd.Index(labels)


def _check(distribution: str, variance: float | None, prob: float) -> None:
    check_known("distribution", distribution, get_args(FrailtyDistribution))
    if variance is not None and not (is_number(variance) and 0 < variance < np.inf):
        raise InputError(Problem("variance", f"must be above 0 and finite, not {variance!r}"))
    check_prob(prob)
