"""The weighted log-rank test with a variance that holds for weights.

The score test of the weighted Cox model at no effect, Breslow's ties, with the robust variance of
the score residuals. The hypergeometric variance with weights in place of counts is wrong: it
depends on their scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy.stats import chi2 as chi2_distribution

from hccbayes.frequentist.fleming_harrington import weighted_fleming_harrington
from hccbayes.frequentist.weighted_variance import EstimatedWeights


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
        If an arm has no patient with a weight, no event has both arms in its risk set and a
        survivor, or all rows are one cluster, of which the statistic would always be 1.
    """
    test = weighted_fleming_harrington(
        start, stop, event, treated, weights, strata=strata, cluster=cluster, estimated=estimated
    )
    return WeightedLogRank(
        chi2=test.chi2,
        p_value=float(chi2_distribution.sf(test.chi2, df=1)),
        observed=test.observed,
        expected=test.expected,
    )
