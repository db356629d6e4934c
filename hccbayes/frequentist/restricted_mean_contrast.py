"""Difference and ratio of the restricted mean survival times of two arms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import check_prob
from hccbayes.frequentist.episodes import BoolArray, FloatArray
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.restricted_mean import (
    RestrictedMean,
    restricted_mean,
    weighted_restricted_mean,
)
from hccbayes.frequentist.two_arms import empty_arm, treated_rows
from hccbayes.frequentist.weighted_cox import cluster_codes
from hccbayes.frequentist.weighted_variance import EstimatedWeights, sandwich


@dataclass(frozen=True, slots=True, kw_only=True)
class WaldContrast:
    """A contrast of two arms with Wald limits and test.

    Parameters
    ----------
    estimate, lower, upper
        The contrast; of a ratio, limits are exponentials of those of its logarithm.
    standard_error
        Of the difference, or of the logarithm of the ratio.
    p_value
        Two-sided, of no difference or a ratio of 1.
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMeanContrast:
    """Restricted means of two arms against one another, treated over control.

    Parameters
    ----------
    treated, control
        The arms' own means.
    difference
        Months gained up to the horizon.
    ratio
        Ratio of the means; its standard error is that of the logarithm.
    interval_prob
        Probability of all limits.
    reason
        Which arm's mean is taken as known, as its data hold no variation, or why there is no ratio
        (its numbers are ``nan``); empty as a rule.
    """

    treated: RestrictedMean
    control: RestrictedMean
    difference: WaldContrast
    ratio: WaldContrast
    interval_prob: float
    reason: str


def restricted_mean_contrast(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    horizon: float,
    *,
    weights: ArrayLike | None = None,
    estimated: EstimatedWeights | None = None,
    cluster: ArrayLike | None = None,
    prob: float = INTERVAL_PROB,
) -> RestrictedMeanContrast:
    r"""Compare the restricted means of two arms by difference and ratio.

    Without weights and clusters, Greenwood's variances of independent arms are added:
    :math:`\mathrm{se}_1^2 + \mathrm{se}_0^2` for the difference and
    :math:`\mathrm{se}_1^2 / \mu_1^2 + \mathrm{se}_0^2 / \mu_0^2` for the log ratio, the tests of
    Royston & Parmar (2013) and of the R package survRM2. With either, patients' influences on both
    arms are added before they are squared, so that pairs and an estimated score are accounted for.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    treated
        1 for the treated arm, 0 for control.
    horizon
        Months, within the follow-up of both arms.
    weights
        One a row, at least 0; 1 where left out.
    estimated
        The score model behind the weights, whose estimation the variance then includes; they are
        taken as given where left out.
    cluster
        Label of each row's cluster (patient, pair).
    prob
        Probability of the Wald limits.

    Raises
    ------
    InputError
        If the input is wrong, or `estimated` is given without the weights.
    NotEstimableError
        If an arm is empty, the horizon lies beyond its follow-up, or no event of either arm
        happened before the horizon.
    """
    if weights is None and estimated is not None:
        raise InputError(Problem("estimated", "needs the weights that it is the model of"))
    arm = treated_rows(treated, np.size(stop))
    if empty := empty_arm(arm):
        raise NotEstimableError(Problem("treated", f"the {empty} arm has no patient"))
    check_prob(prob)
    follow_up = (np.asarray(start), np.asarray(stop), np.asarray(event))
    if weights is None and cluster is None:
        begin, end, died = follow_up
        one, zero = (
            restricted_mean(begin[own], end[own], died[own], horizon, prob=prob)
            for own in (arm, ~arm)
        )
        covariance = np.diag([one.standard_error**2, zero.standard_error**2])
        return _contrast(one, zero, covariance, prob)
    given = np.ones(len(arm)) if weights is None else weights
    one, zero, covariance = _weighted(follow_up, arm, horizon, given, estimated, cluster, prob)
    return _contrast(one, zero, covariance, prob)


def _weighted(
    follow_up: tuple[FloatArray, FloatArray, FloatArray],
    arm: BoolArray,
    horizon: float,
    weights: ArrayLike,
    estimated: EstimatedWeights | None,
    cluster: ArrayLike | None,
    prob: float,
) -> tuple[RestrictedMean, RestrictedMean, FloatArray]:
    """Return the weighted means of the arms and their joint covariance."""
    (one, one_influence), (zero, zero_influence) = (
        weighted_restricted_mean(
            *follow_up,
            weights,
            horizon,
            members=own,
            estimated=estimated,
            cluster=cluster,
            prob=prob,
        )
        for own in (arm, ~arm)
    )
    groups = cluster_codes(cluster, len(arm))
    return one, zero, sandwich(np.column_stack([one_influence, zero_influence]), groups)


def _contrast(
    treated: RestrictedMean, control: RestrictedMean, covariance: FloatArray, prob: float
) -> RestrictedMeanContrast:
    signs = np.array([1.0, -1.0])
    se = float(np.sqrt(signs @ covariance @ signs))
    if se == 0.0:
        message = "no variation of events before the horizon in either arm; nothing to test"
        raise NotEstimableError(Problem("horizon", message))
    known = [
        f"{arm} arm: {mean.reason}; the limits take its mean as known"
        for arm, mean in (("treated", treated), ("control", control))
        if mean.reason
    ]
    means = np.array([treated.estimate, control.estimate])
    if (means > 0).all():
        relative = signs / means
        ratio_se = float(np.sqrt(relative @ covariance @ relative))
        ratio = _wald(float(np.log(means[0] / means[1])), ratio_se, prob, np.exp)
    else:
        ratio = WaldContrast(**dict.fromkeys(WaldContrast.__dataclass_fields__, math.nan))
        known.append("no ratio: in one arm nobody lives beyond time 0, and its mean is 0")
    return RestrictedMeanContrast(
        treated=treated,
        control=control,
        difference=_wald(float(means[0] - means[1]), se, prob, float),
        ratio=ratio,
        interval_prob=prob,
        reason="; ".join(known),
    )


def _wald(value: float, se: float, prob: float, back: Callable[[float], float]) -> WaldContrast:
    """Return the test of a contrast against 0, its numbers taken `back` to the scale it is read."""
    half = float(norm.ppf((1 + prob) / 2)) * se
    return WaldContrast(
        estimate=float(back(value)),
        standard_error=se,
        lower=float(back(value - half)),
        upper=float(back(value + half)),
        p_value=2.0 * float(norm.sf(abs(value) / se)),
    )
