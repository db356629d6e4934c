"""The weighted log-rank test with a variance that holds for weights.

The score test of the weighted Cox model at no effect, Breslow's ties, with the robust variance of
the score residuals. The hypergeometric variance with weights in place of counts is wrong: it
depends on their scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2 as chi2_distribution

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import Episodes, stratum_codes
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.partial_likelihood import likelihood_slots, partial_likelihood
from hccbayes.frequentist.weighted_cox import cluster_codes
from hccbayes.frequentist.weighted_variance import (
    EstimatedWeights,
    case_weights,
    influence,
    sandwich,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedLogRank:
    """A weighted log-rank test.

    Parameters
    ----------
    chi2
        Statistic on one degree of freedom.
    p_value
        Two-sided.
    observed, expected
        Sums of weights of events by arm, ``treated`` and ``control``, as observed and as expected
        where the weighted hazards are equal.
    """

    chi2: float
    p_value: float
    observed: Mapping[str, float]
    expected: Mapping[str, float]


def weighted_logrank(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    weights: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    estimated: EstimatedWeights | None = None,
) -> WeightedLogRank:
    r"""Test whether the weighted hazards of two arms are equal.

    .. math:: U = \sum_k d_{1k}^w - d_k^w n_{1k}^w / n_k^w, \qquad
              \chi^2 = U^2 \Big/ \sum_c \Bigl(\sum_{i \in c} D_i\Bigr)^2

    with :math:`D_i` the influence of row i on U. U is the statistic of Xie & Liu (2005, Statistics
    in Medicine 24:3089); the variance is the robust one of Lin & Wei's (1989) score test, as in
    R's ``svylogrank`` up to its factor n / (n - 1). Without weights it tends to the hypergeometric
    variance under equal hazards, and differs from it in a sample.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    treated
        1 for the treated arm, 0 for control.
    weights
        One a row, at least 0; a row of weight 0 is not there.
    strata
        Label of each row's stratum.
    cluster
        Label of each row's cluster (patient, pair); each row its own where left out.
    estimated
        The score model behind the weights, whose estimation the variance then includes.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If no event has both arms in its risk set.
    """
    episodes = Episodes.of(start, stop, event)
    arm = np.asarray(treated, dtype=np.float64)
    if arm.shape != episodes.stop.shape or not np.isin(arm, (0.0, 1.0)).all():
        raise InputError(Problem("treated", "one 0 or 1 a row is needed"))
    all_weights = case_weights(weights, len(arm))
    used = all_weights > 0
    codes = stratum_codes(strata, len(arm))
    groups = cluster_codes(cluster, len(arm))
    own = episodes.take(used)
    score, variance = 0.0, 0.0
    if own.event.any():
        slots = likelihood_slots(own, codes[used], "breslow")
        at_zero = partial_likelihood(arm[used][:, None], all_weights[used], slots, np.zeros(1))
        residuals = np.zeros((len(arm), 1))
        residuals[used] = at_zero.residuals
        score = float(at_zero.score[0])
        # No event with both arms at risk leaves information that is rounding and no more.
        if at_zero.information[0, 0] > 1e-12 * all_weights.sum():
            variance = float(sandwich(influence(residuals, all_weights, estimated), groups)[0, 0])
    if variance == 0.0:
        raise NotEstimableError(
            Problem("treated", "no event happened while both arms were at risk; nothing to test")
        )
    statistic = score**2 / variance
    observed = float(all_weights[episodes.event & (arm == 1)].sum())
    total = float(all_weights[episodes.event].sum())
    return WeightedLogRank(
        chi2=statistic,
        p_value=float(chi2_distribution.sf(statistic, df=1)),
        observed={"treated": observed, "control": total - observed},
        expected={"treated": observed - score, "control": total - observed + score},
    )
