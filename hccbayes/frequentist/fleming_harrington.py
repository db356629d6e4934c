"""The log-rank family of Fleming and Harrington, counted and weighted.

Weights of the event times that are 1 for the log-rank test, fall with survival where early
differences matter and rise where late ones do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import is_number
from hccbayes.frequentist.episodes import BoolArray, Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.partial_likelihood import Slots, likelihood_slots, partial_likelihood
from hccbayes.frequentist.two_arms import (
    ArmRiskSets,
    arm_risk_sets,
    nothing_to_test,
    treated_rows,
)
from hccbayes.frequentist.weighted_cox import check_clusters, cluster_codes
from hccbayes.frequentist.weighted_variance import (
    EstimatedWeights,
    case_weights,
    influence,
    sandwich,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlemingHarrington:
    """A test of the Fleming-Harrington family.

    Parameters
    ----------
    rho, gamma
        Exponents of survival and of its complement in the weights of event times.
    z
        Standardized statistic; negative where fewer of the treated have the event than expected.
    chi2, p_value
        Its square, and the two-sided p of one degree of freedom.
    observed, expected
        Events by arm, ``treated`` and ``control``, each times the weight of its time, as observed
        and as expected where the hazards are equal; summed over strata.
    variance
        Of ``observed["treated"] - expected["treated"]``.
    method
        ``hypergeometric``, or ``robust`` with patients' weights.
    """

    rho: float
    gamma: float
    z: float
    chi2: float
    p_value: float
    observed: Mapping[str, float]
    expected: Mapping[str, float]
    variance: float
    method: str


def fleming_harrington(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    *,
    rho: float = 0.0,
    gamma: float = 0.0,
    strata: ArrayLike | None = None,
) -> FlemingHarrington:
    r"""Test whether the hazards of two arms are equal, with weights of event times.

    .. math:: U = \sum_k g_k (d_{1k} - d_k n_{1k} / n_k), \quad V = \sum_k g_k^2 v_k, \quad
              g_k = S(t_k-)^\rho \{1 - S(t_k-)\}^\gamma

    (Harrington & Fleming 1982; Fleming & Harrington 1991), with the hypergeometric variances
    :math:`v_k` of :func:`hccbayes.frequentist.logrank.logrank` and S the Kaplan-Meier curve of both
    arms together just before the time, one in each stratum. With gamma 0 this is R's
    ``survdiff(rho = )``: 0 the log-rank test, 1 the Peto & Peto modification of the
    Gehan-Wilcoxon test. With delayed entry, which ``survdiff`` does not take, a small first risk
    set may bring S to 0.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    treated
        1 for the treated arm, 0 for control.
    rho, gamma
        Exponents, at least 0.
    strata
        Label of each row's stratum.

    Raises
    ------
    InputError
        If the episodes, arms, strata or exponents are wrong.
    NotEstimableError
        If an arm has no patient, or no event with a weight has both arms in its risk set and a
        survivor.
    """
    check_exponents(rho, gamma)
    parts = arm_risk_sets(start, stop, event, treated, strata)
    weights = [time_weights(part, rho, gamma) for part in parts]
    totals = np.zeros(4)
    for part, weight in zip(parts, weights, strict=True):
        totals += [
            weight @ part.events,
            weight @ part.events_treated,
            weight @ part.expected_treated,
            weight**2 @ part.variance,
        ]
    return _test(rho, gamma, totals, "hypergeometric", np.asarray(treated) == 1)


def weighted_fleming_harrington(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    weights: ArrayLike,
    *,
    rho: float = 0.0,
    gamma: float = 0.0,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    estimated: EstimatedWeights | None = None,
) -> FlemingHarrington:
    r"""Test whether the weighted hazards of two arms are equal, with weights of event times.

    The statistic of :func:`fleming_harrington` from sums of patients' weights, with the robust
    variance of :func:`hccbayes.frequentist.weighted_logrank.weighted_logrank`, which it is with
    both exponents 0. The weights of event times come from the weighted Kaplan-Meier curve of both
    arms and are taken as given, which holds where the hazards are equal.

    Parameters
    ----------
    start, stop, event, treated, rho, gamma, strata
        As for :func:`fleming_harrington`.
    weights
        One a row, at least 0; a row of weight 0 is not there.
    cluster
        Label of each row's cluster (patient, pair); each row its own where left out.
    estimated
        The score model behind the weights, whose estimation the variance then includes.

    Raises
    ------
    InputError, NotEstimableError
        As for :func:`fleming_harrington`, if the weights or clusters are wrong, or all rows are
        one cluster.
    """
    check_exponents(rho, gamma)
    episodes = Episodes.of(start, stop, event)
    is_treated = treated_rows(treated, len(episodes.stop))
    arm = is_treated.astype(np.float64)
    all_weights = case_weights(weights, len(arm))
    used = all_weights > 0
    codes, groups = stratum_codes(strata, len(arm)), cluster_codes(cluster, len(arm))
    own = episodes.take(used)
    if not own.event.any():
        raise nothing_to_test(is_treated[used])
    slots = likelihood_slots(own, codes[used], "breslow")
    weight = all_weights[used]
    factor = _slot_weights(slots, weight, codes[used], rho, gamma)
    slots = Slots(members=slots.members, deaths=slots.deaths * factor)
    at_zero = partial_likelihood(arm[used][:, None], weight, slots, np.zeros(1))
    mass = weight[:, None] * slots.deaths
    # No weighted event with both arms at risk leaves information that is rounding and no more.
    if at_zero.information[0, 0] <= 1e-12 * mass.sum():
        raise nothing_to_test(is_treated[used])
    check_clusters(groups[used])
    residuals = np.zeros((len(arm), 1))
    residuals[used] = at_zero.residuals
    variance = float(sandwich(influence(residuals, all_weights, estimated), groups)[0, 0])
    observed = float(arm[used] @ mass.sum(axis=1))
    expected = observed - float(at_zero.score[0])
    totals = np.array([mass.sum(), observed, expected, variance])
    return _test(rho, gamma, totals, "robust", is_treated[used])


def time_weights(part: ArmRiskSets, rho: float, gamma: float) -> FloatArray:
    """Return the weight of each event time of a stratum."""
    survival = part.survival_before
    return survival**rho * (1.0 - survival) ** gamma


def check_exponents(rho: float, gamma: float) -> None:
    """Raise where an exponent is negative or not finite.

    Raises
    ------
    InputError
        Naming it.
    """
    problems = [
        Problem(name, f"must be at least 0 and finite, not {value!r}")
        for name, value in (("rho", rho), ("gamma", gamma))
        if not (is_number(value) and 0 <= value < np.inf)
    ]
    if problems:
        raise InputError(problems)


def _slot_weights(
    slots: Slots, weights: FloatArray, strata: ArrayLike, rho: float, gamma: float
) -> FloatArray:
    """Return the weight of each of Breslow's slots, which lie in order of stratum and time."""
    hazard = (weights @ slots.deaths) / (weights @ slots.members)
    # Counted, not subtracted: sums of weights leave a rounding error where all at risk die.
    hazard[slots.deaths.sum(axis=0) == slots.members.sum(axis=0)] = 1.0
    stratum = np.asarray(strata)[slots.deaths.argmax(axis=0)]
    survival = np.ones(len(hazard))
    for code in np.unique(stratum):
        own = stratum == code
        survival[own] = np.concatenate([[1.0], np.cumprod(1.0 - hazard[own])[:-1]])
    return survival**rho * (1.0 - survival) ** gamma


def _test(
    rho: float, gamma: float, totals: FloatArray, method: str, arm: BoolArray
) -> FlemingHarrington:
    """Return the test of the sums of events, treated events, expected ones and variance."""
    events, observed, expected, variance = (float(total) for total in totals)
    if variance <= 0.0:
        raise nothing_to_test(arm)
    z = (observed - expected) / float(np.sqrt(variance))
    return FlemingHarrington(
        rho=rho,
        gamma=gamma,
        z=z,
        chi2=z**2,
        p_value=2.0 * float(norm.sf(abs(z))),
        observed={"treated": observed, "control": events - observed},
        expected={"treated": expected, "control": events - expected},
        variance=variance,
        method=method,
    )
