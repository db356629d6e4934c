"""Hazard ratios from the log-rank test: observed over expected, and Peto's.

Neither is the Cox model's. Both are read off a log-rank table without a fit, and stand in papers
beside the p of a Cox model; here each is labeled. Where the effect is strong both draw it toward 1,
with intervals narrower than those of a Cox model can be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import Problem
from hccbayes.frequentist.arguments import check_prob
from hccbayes.frequentist.fleming_harrington import FlemingHarrington, fleming_harrington
from hccbayes.frequentist.identifiability import NotEstimableError


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRankHazardRatio:
    """A hazard ratio of two arms, treated over control, from a log-rank test.

    Parameters
    ----------
    estimate, lower, upper
        Hazard ratio and the exponentials of the Wald limits of its logarithm.
    log_estimate, log_standard_error
        Its logarithm and the standard error of that.
    interval_prob
        Probability of the limits.
    method
        ``observed_expected`` or ``peto``.
    """

    estimate: float
    lower: float
    upper: float
    log_estimate: float
    log_standard_error: float
    interval_prob: float
    method: str


def observed_expected_hazard_ratio(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    prob: float = INTERVAL_PROB,
) -> LogRankHazardRatio:
    r"""Return the ratio of observed over expected events.

    .. math:: \mathrm{HR} = \frac{O_1 / E_1}{O_0 / E_0}, \qquad
              \mathrm{se}(\log \mathrm{HR}) = \sqrt{1 / E_1 + 1 / E_0}

    (Pike 1972; Berry, Kitchin & Mock 1991), "hazard ratio (logrank)" of some programs.

    Parameters
    ----------
    start, stop, event, treated, strata
        As for :func:`hccbayes.frequentist.logrank.logrank`; with strata, O and E are their sums.
    prob
        Probability of the limits.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If an arm has no event, or no event has both arms in its risk set.
    """
    test = _log_rank(start, stop, event, treated, strata, prob)
    without = [arm for arm, count in test.observed.items() if count == 0]
    if without:
        message = f"no event in the {' and '.join(without)} arm: the ratio is 0 or infinite"
        raise NotEstimableError(Problem("event", message))
    ratio = {arm: test.observed[arm] / test.expected[arm] for arm in ("treated", "control")}
    se = float(np.sqrt(sum(1.0 / count for count in test.expected.values())))
    log_ratio = float(np.log(ratio["treated"] / ratio["control"]))
    return _with_limits(log_ratio, se, prob, "observed_expected")


def peto_hazard_ratio(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    prob: float = INTERVAL_PROB,
) -> LogRankHazardRatio:
    r"""Return Peto's one-step hazard ratio.

    .. math:: \log \mathrm{HR} = (O_1 - E_1) / V, \qquad \mathrm{se} = 1 / \sqrt{V}

    with the hypergeometric variance V (Yusuf et al. 1985): the first Newton step of a Cox model
    from no effect. It is finite where an arm has no event, as it is far from the effect there.

    Parameters
    ----------
    start, stop, event, treated, strata
        As for :func:`hccbayes.frequentist.logrank.logrank`; with strata, O - E and V are sums.
    prob
        Probability of the limits.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If no event has both arms in its risk set.
    """
    test = _log_rank(start, stop, event, treated, strata, prob)
    excess = test.observed["treated"] - test.expected["treated"]
    return _with_limits(excess / test.variance, test.variance**-0.5, prob, "peto")


def _log_rank(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    strata: ArrayLike | None,
    prob: float,
) -> FlemingHarrington:
    check_prob(prob)
    return fleming_harrington(start, stop, event, treated, strata=strata)


def _with_limits(log_ratio: float, se: float, prob: float, method: str) -> LogRankHazardRatio:
    half = float(norm.ppf((1 + prob) / 2)) * se
    return LogRankHazardRatio(
        estimate=float(np.exp(log_ratio)),
        lower=float(np.exp(log_ratio - half)),
        upper=float(np.exp(log_ratio + half)),
        log_estimate=log_ratio,
        log_standard_error=se,
        interval_prob=prob,
        method=method,
    )
