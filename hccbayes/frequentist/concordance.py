"""Harrell's concordance and its infinitesimal-jackknife standard error, as R's ``concordance``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import check_prob, numbers
from hccbayes.frequentist.episodes import Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.weighted_cox import cluster_codes
from hccbayes.frequentist.weighted_variance import case_weights, standard_errors

ROUNDING: Final = 1e-12
"""Standard error of a share that is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concordance:
    """Concordance of a risk score with survival.

    Parameters
    ----------
    estimate
        Share of comparable pairs in which the patient with the larger score has the event first,
        tied scores counted half.
    standard_error, lower, upper
        Infinitesimal jackknife, with Wald limits.
    interval_prob
        Probability of the limits.
    concordant, discordant, tied_score, tied_time, tied_both
        Pairs (sums of products of weights): comparable ones in the three ways, and those whose
        events happened at one time, with different and with equal scores, which are not compared.
    reason
        Why a standard error of 0 is no certainty, or that Wald limits lie beyond 0 or 1; empty
        as a rule.
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    interval_prob: float
    concordant: float
    discordant: float
    tied_score: float
    tied_time: float
    tied_both: float
    reason: str


def concordance(
    score: ArrayLike,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    prob: float = INTERVAL_PROB,
) -> Concordance:
    r"""Return how well a score orders patients by their time to the event.

    .. math:: C = \frac{\text{concordant} + \text{tied}/2}
              {\text{concordant} + \text{discordant} + \text{tied}}, \qquad
              \mathrm{var}\,C = \sum_c \Bigl(\sum_{i \in c} w_i
              \frac{\partial C}{\partial w_i}\Bigr)^2

    (Harrell, Lee & Mark 1996; Therneau & Watson 2015). A pair is comparable where one has the event
    while the other is at risk and stays so: one who is censored at that time counts as surviving
    it, one who has the event then does not. Pairs lie within strata. Equal to R's
    ``concordance(coxph)``, which is ``concordance(Surv ~ score, reverse = TRUE)``, with its default
    weight ``n`` of the event times. C of a Cox model on the patients it was fitted to is too large.

    Parameters
    ----------
    score
        Larger means earlier: a Cox model's linear predictor. One a row.
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`; with delayed entry only those under
        observation at an event are compared with it.
    strata, weights, cluster
        Label of each row's stratum, its weight (at least 0), and its cluster for the variance.
    prob
        Probability of the Wald limits.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If no pair is comparable.
    """
    check_prob(prob)
    episodes = Episodes.of(start, stop, event)
    rows = len(episodes.stop)
    risk = numbers(score, "score")
    if risk.shape != (rows,) or not np.isfinite(risk).all():
        raise InputError(Problem("score", f"one finite number a row is needed: {rows}"))
    weight = np.ones(rows) if weights is None else case_weights(weights, rows)
    codes, groups = stratum_codes(strata, rows), cluster_codes(cluster, rows)
    # Columns: concordant, discordant, tied score, tied time, tied both.
    pairs = np.zeros((rows, 5))
    for code in np.unique(codes):
        own = np.flatnonzero(codes == code)
        pairs[own] = _pairs(risk[own], episodes.take(own), weight[own])
    totals = weight @ pairs / 2.0
    compared = float(totals[:3].sum())
    if compared == 0.0:
        message = "no pair of patients is comparable: nobody outlives another's event"
        raise NotEstimableError(Problem("event", message))
    estimate = float(totals[0] + totals[2] / 2.0) / compared
    in_favor = pairs[:, 0] + pairs[:, 2] / 2.0
    sensitivity = (in_favor - estimate * pairs[:, :3].sum(axis=1)) / compared
    se = float(standard_errors((weight * sensitivity)[:, None], groups)[0])
    # Products and sums of weights round where every patient's share is the same.
    se = se if se > ROUNDING else 0.0
    half = float(norm.ppf((1 + prob) / 2)) * se
    return Concordance(
        estimate=estimate,
        standard_error=se,
        lower=estimate - half,
        upper=estimate + half,
        interval_prob=prob,
        **dict(zip(_COUNTS, map(float, totals), strict=True)),
        reason=_reason(estimate, se, half),
    )


def _reason(estimate: float, se: float, half: float) -> str:
    """Return why the limits do not say how sure the estimate is."""
    if se == 0:
        return "every patient's, or cluster's, pairs agree alike: no variation to judge by"
    if half > min(estimate, 1.0 - estimate):
        return "Wald limits beyond 0 or 1: too little to judge by, as the share lies between them"
    return ""


_COUNTS = ("concordant", "discordant", "tied_score", "tied_time", "tied_both")


def _pairs(risk: FloatArray, episodes: Episodes, weight: FloatArray) -> FloatArray:
    """Return the weight of the pairs of each row in each of the five ways, shape ``(rows, 5)``.

    One pass over the events: rows times events steps, rows numbers at a time.
    """
    found = np.zeros((len(risk), 5))
    for row in np.flatnonzero(episodes.event):
        time = episodes.stop[row]
        there = (episodes.entry < time) & (episodes.stop >= time)
        together = there & episodes.event & (episodes.stop == time)
        outlives = there & ~together
        together[row] = False
        own = risk[row]
        for column, ordered in enumerate((risk < own, risk > own, risk == own)):
            pair = outlives & ordered
            found[row, column] += weight[pair].sum()
            found[pair, column] += weight[row]
        # Two events of one time meet in both their rows.
        found[row, 3] = weight[together & (risk != own)].sum()
        found[row, 4] = weight[together & (risk == own)].sum()
    return found
