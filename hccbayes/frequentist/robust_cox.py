"""Cox regression whose standard errors hold for clusters of patients, or without the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.frequentist.arguments import check_prob
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.partial_likelihood import Ties
from hccbayes.frequentist.weighted_cox import weighted_cox


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobustCoxFit:
    """A fitted Cox model with robust standard errors, on the scale of the design it was given.

    Parameters
    ----------
    terms
        Names of the design's columns.
    coef
        Log hazard ratios per unit of each term, those of an ordinary Cox model, shape ``(terms,)``.
    se, model_se
        Robust (clustered where there are clusters) standard errors, and the model's own.
    lower, upper
        Wald limits of `coef` from `se`.
    interval_prob
        Probability of the limits.
    covariance
        Robust covariance of `coef`, shape ``(terms, terms)``.
    log_likelihood
        Log partial likelihood at its maximum.
    rows, events, clusters
        Rows, events and clusters used; each row is a cluster of its own where none were given.
    method
        ``cox_efron_robust``, ``cox_efron_cluster`` or the same with ``breslow``.
    """

    terms: tuple[str, ...]
    coef: FloatArray
    se: FloatArray
    model_se: FloatArray
    lower: FloatArray
    upper: FloatArray
    interval_prob: float
    covariance: FloatArray
    log_likelihood: float
    rows: int
    events: int
    clusters: int
    method: str


def robust_cox(
    design: pd.DataFrame,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    ties: Ties = "efron",
    prob: float = INTERVAL_PROB,
) -> RobustCoxFit:
    r"""Fit a Cox model with the variance of Lin & Wei (1989), R's ``coxph(cluster = )``.

    .. math:: V = \sum_c D_c D_c', \qquad D_c = I^{-1} \sum_{i \in c} L_i

    with :math:`L_i` the score residuals; :func:`hccbayes.frequentist.weighted_cox.weighted_cox`
    with weights of 1. Without a factor for few clusters, as in R: with fewer than about 40 it is
    too small, and with fewer clusters than terms it is singular and refused. Patients with several
    episodes need `cluster` to be their identifier.

    Parameters
    ----------
    design
        One column a term, one row an episode, without intercept.
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    cluster
        Label of each row's cluster (patient, pair, center).
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
        As for :func:`hccbayes.frequentist.cox.cox`, or if there are no more clusters than terms.
    """
    check_prob(prob)
    weights = np.ones(len(design))
    fit = weighted_cox(
        design, start, stop, event, weights, strata=strata, cluster=cluster, ties=ties
    )
    half = float(norm.ppf((1 + prob) / 2)) * fit.robust_se
    return RobustCoxFit(
        terms=fit.terms,
        coef=fit.coef,
        se=fit.robust_se,
        model_se=fit.model_se,
        lower=fit.coef - half,
        upper=fit.coef + half,
        interval_prob=prob,
        covariance=fit.robust_covariance,
        log_likelihood=fit.log_likelihood,
        rows=fit.rows,
        events=fit.events,
        clusters=fit.clusters,
        method=f"cox_{ties}_{'robust' if cluster is None else 'cluster'}",
    )
