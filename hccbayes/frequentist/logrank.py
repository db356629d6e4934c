"""The log-rank test of two arms, stratified and with delayed entry where there is any.

lifelines has the test for right-censored data in one stratum only; risk sets are counted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy.stats import chi2 as chi2_distribution

from hccbayes.frequentist.fleming_harrington import fleming_harrington


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRank:
    """A log-rank test.

    Parameters
    ----------
    chi2
        Statistic on one degree of freedom.
    p_value
        Two-sided.
    observed, expected
        Events by arm, ``treated`` and ``control``, as observed and as expected where the hazards
        are equal; summed over strata.
    """

    chi2: float
    p_value: float
    observed: Mapping[str, float]
    expected: Mapping[str, float]


def logrank(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    *,
    strata: ArrayLike | None = None,
) -> LogRank:
    r"""Test whether the hazards of two arms are equal (Mantel 1966; R's ``survdiff``).

    .. math:: \chi^2 = \Bigl(\sum_k d_{1k} - d_k n_{1k} / n_k\Bigr)^2 \Big/
              \sum_k d_k \frac{n_{1k}}{n_k} \Bigl(1 - \frac{n_{1k}}{n_k}\Bigr)
              \frac{n_k - d_k}{n_k - 1}

    over the event times k of every stratum, with :math:`n_k` at risk and :math:`d_k` events, of
    which :math:`n_{1k}` and :math:`d_{1k}` are treated; the variance is hypergeometric. A stratum
    with one arm adds nothing, as in R.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    treated
        1 for the treated arm, 0 for control.
    strata
        Label of each row's stratum.

    Raises
    ------
    InputError
        If the episodes, arms or strata are wrong.
    NotEstimableError
        If an arm has no patient, or no event has both arms in its risk set and a survivor.
    """
    test = fleming_harrington(start, stop, event, treated, strata=strata)
    return LogRank(
        chi2=test.chi2,
        p_value=float(chi2_distribution.sf(test.chi2, df=1)),
        observed=test.observed,
        expected=test.expected,
    )
