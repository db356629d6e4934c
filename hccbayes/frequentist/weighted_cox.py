"""Cox regression with case weights, and the variances that hold with them.

lifelines fits weighted coefficients with Efron's ties as R does, but takes the score residuals of
its robust variance without the correction for ties, and has no Breslow ties; so the fit is made
here from the partial likelihood, and tested with lifelines where there is no tie and with R.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.cox import (
    SUSPICIOUS_SE,
    check_identified,
    design_values,
    not_estimable,
)
from hccbayes.frequentist.episodes import Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.identifiability import NotEstimableError, separated_terms
from hccbayes.frequentist.newton import NoMaximumError, maximize
from hccbayes.frequentist.partial_likelihood import (
    PartialLikelihood,
    Slots,
    Ties,
    likelihood_slots,
    partial_likelihood,
)
from hccbayes.frequentist.weighted_variance import case_weights, influence, sandwich

ROUNDING: Final = 1e-20
"""Share of the model's variance below which a robust variance is the rounding of residuals of 0."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedCoxFit:
    r"""A fitted weighted Cox model, on the scale of the design it was given.

    Parameters
    ----------
    terms
        Names of the design's columns.
    coef
        Log hazard ratios per unit of each term, shape ``(terms,)``.
    model_covariance
        Inverse information: holds for weights that count patients, and for no other.
    robust_covariance
        :math:`\sum_c D_c D_c'` over clusters c of summed rows of `dfbeta` (Lin & Wei 1989), R's
        ``coxph(weights, cluster)``: holds for weights taken as given.
    score_residuals
        :math:`L_i`, without the weight, shape ``(rows, terms)``; 0 for a row of weight 0.
    sensitivity
        Derivative of the coefficients with respect to each weight, :math:`I^{-1} L_i`, shape
        ``(rows, terms)``.
    dfbeta
        ``weights * sensitivity``: what leaving each row out changes, to first order, with the
        opposite sign.
    log_likelihood
        Weighted log partial likelihood at its maximum.
    rows, events, clusters
        Rows and events with a weight, and clusters of them.
    ties
        ``efron`` or ``breslow``.
    """

    terms: tuple[str, ...]
    coef: FloatArray
    model_covariance: FloatArray
    robust_covariance: FloatArray
    score_residuals: FloatArray
    sensitivity: FloatArray
    dfbeta: FloatArray
    log_likelihood: float
    rows: int
    events: int
    clusters: int
    ties: Ties

    @property
    def model_se(self) -> FloatArray:
        """Standard errors of the model, shape ``(terms,)``."""
        return np.sqrt(np.diag(self.model_covariance))

    @property
    def robust_se(self) -> FloatArray:
        """Robust, or clustered, standard errors, shape ``(terms,)``."""
        return np.sqrt(np.diag(self.robust_covariance))


def weighted_cox(
    design: pd.DataFrame,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    weights: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ties: Ties = "efron",
) -> WeightedCoxFit:
    """Fit a Cox model by maximum weighted partial likelihood (Binder 1992).

    The likelihood is that of
    :func:`hccbayes.frequentist.partial_likelihood.partial_likelihood`.

    Parameters
    ----------
    design
        One column a term, one row an episode, without intercept.
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    weights
        One a row, at least 0; a row of weight 0 is left out, as though it were not there. Their
        common scale changes the model-based variance alone.
    strata
        Label of each row's stratum; each has a baseline hazard of its own.
    cluster
        Label of each row's cluster (patient, pair, center) for the robust variance; each row its
        own where left out.
    ties
        ``efron`` or ``breslow``.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If there is no event, a term is not determined, or a coefficient runs to infinity, as for
        :func:`hccbayes.frequentist.cox.cox`; if there are no more clusters than terms, or every
        score residual of a term is 0, so that there is no robust variance (R prints 0, or the
        rounding of 0, and a test of it).
    """
    episodes = Episodes.of(start, stop, event)
    values, terms = design_values(design, len(episodes.stop))
    all_weights = case_weights(weights, len(values))
    used = all_weights > 0
    codes = stratum_codes(strata, len(values))[used]
    # Labels of rows without weight are checked as well.
    groups = cluster_codes(cluster, len(values))
    kept = episodes.take(used)
    if not kept.event.any():
        raise NotEstimableError(Problem("event", "no event: a Cox model has nothing to fit"))
    check_identified(values[used], terms, kept, codes)
    check_clusters(groups[used], len(terms))
    scale = values[used].std(axis=0)
    standardized = (values[used] - values[used].mean(axis=0)) / scale
    slots = likelihood_slots(kept, codes, ties)
    coef, fitted = _maximum(standardized, all_weights[used], slots, terms, kept, codes)
    covariance = np.linalg.inv(fitted.information) / np.outer(scale, scale)
    residuals = np.zeros_like(values)
    residuals[used] = fitted.residuals * scale
    sensitivity = residuals @ covariance
    dfbeta = influence(sensitivity, all_weights)
    robust = sandwich(dfbeta, groups)
    _check_robust(robust, covariance * all_weights[used].mean(), terms)
    return WeightedCoxFit(
        terms=terms,
        coef=coef / scale,
        model_covariance=covariance,
        robust_covariance=robust,
        score_residuals=residuals,
        sensitivity=sensitivity,
        dfbeta=dfbeta,
        log_likelihood=fitted.value,
        rows=int(used.sum()),
        events=int(kept.event.sum()),
        clusters=len(np.unique(groups[used])),
        ties=ties,
    )


def cluster_codes(cluster: ArrayLike | None, rows: int) -> NDArray[np.intp]:
    """Return the cluster of each row as 0, 1, ...; each row its own where there are none.

    Raises
    ------
    InputError
        If there is not one label a row, or one is missing.
    """
    if cluster is None:
        return np.arange(rows, dtype=np.intp)
    try:
        return stratum_codes(cluster, rows)
    except InputError as error:
        raise InputError(
            [Problem("cluster", problem.message, problem.rows) for problem in error.problems]
        ) from None


def check_clusters(groups: NDArray[np.intp], terms: int = 1) -> None:
    """Raise where clusters are too few for a variance: their influences sum to 0.

    Parameters
    ----------
    groups
        Cluster of each row in use.
    terms
        Estimates whose joint variance is asked for.

    Raises
    ------
    NotEstimableError
        If there are no more clusters than terms.
    """
    clusters = len(np.unique(groups))
    if clusters <= terms:
        message = f"{clusters} clusters cannot give the variance of {terms} terms"
        raise NotEstimableError(Problem("cluster", message))


def check_variances(
    variances: FloatArray,
    design: FloatArray,
    terms: Sequence[str],
    episodes: Episodes,
    strata: NDArray[np.intp],
) -> None:
    """Raise where a fit has ended far along a direction in which there is no maximum.

    Parameters
    ----------
    variances
        Of the standardized coefficients, shape ``(terms,)``.
    design, terms, episodes, strata
        What was fitted.

    Raises
    ------
    NotEstimableError
        Naming the separated terms, or that the information is singular.
    """
    # Far along a separating direction the variances are rounding, of either sign.
    known = bool((np.isfinite(variances) & (variances > 0)).all())
    if known and (variances < SUSPICIOUS_SE**2).all():
        return
    # Only here is the linear program asked whether there is a maximum at all.
    separated = separated_terms(design, terms, episodes, strata)
    if separated or not known:
        raise not_estimable(separated, terms, "the information is singular")


def _check_robust(robust: FloatArray, model: FloatArray, terms: Sequence[str]) -> None:
    """Raise where residuals that are all 0 leave a robust variance that is rounding."""
    without = np.diag(robust) <= ROUNDING * np.diag(model)
    message = (
        "no robust variance: every score residual is 0, as where all events happen at one time "
        "and nobody survives it"
    )
    problems = [
        Problem(f"term {term}", message) for term, zero in zip(terms, without, strict=True) if zero
    ]
    if problems:
        raise NotEstimableError(problems)


def _maximum(
    design: FloatArray,
    weights: FloatArray,
    slots: Slots,
    terms: Sequence[str],
    episodes: Episodes,
    strata: NDArray[np.intp],
) -> tuple[FloatArray, PartialLikelihood]:
    """Return the coefficients of a standardized design and the likelihood at them."""
    # A common scale of the weights changes no coefficient; with mean 1 a decrement is in the units
    # of a patient.
    unit = weights.mean()
    try:
        coef, fitted = maximize(
            lambda at: partial_likelihood(design, weights / unit, slots, at),
            np.zeros(design.shape[1]),
        )
        variances = np.diag(np.linalg.inv(fitted.information))
    except (NoMaximumError, np.linalg.LinAlgError) as failure:
        separated = separated_terms(design, terms, episodes, strata)
        raise not_estimable(separated, terms, str(failure)) from None
    check_variances(variances, design, terms, episodes, strata)
    return coef, partial_likelihood(design, weights, slots, coef)
