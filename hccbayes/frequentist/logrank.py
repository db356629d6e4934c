"""The log-rank test of two arms, stratified and with delayed entry where there is any.

lifelines has the test for right-censored data in one stratum only; risk sets are counted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2 as chi2_distribution

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import BoolArray, Episodes, stratum_codes
from hccbayes.frequentist.identifiability import NotEstimableError


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
    which :math:`n_{1k}` and :math:`d_{1k}` are treated; the variance is hypergeometric.

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
        If no event has both arms in its risk set.
    """
    episodes = Episodes.of(start, stop, event)
    arm = np.asarray(treated)
    if arm.shape != episodes.stop.shape or not np.isin(arm, (0, 1)).all():
        raise InputError(Problem("treated", "one 0 or 1 a row is needed"))
    codes = stratum_codes(strata, len(arm))
    parts = [
        _stratum_score(episodes.take(codes == code), arm[codes == code] == 1)
        for code in np.unique(codes)
    ]
    expected, variance = (float(sum(part)) for part in zip(*parts, strict=True))
    if variance == 0.0:
        raise NotEstimableError(
            Problem("treated", "no event happened while both arms were at risk; nothing to test")
        )
    observed = int(episodes.event[arm == 1].sum())
    total = int(episodes.event.sum())
    statistic = (observed - expected) ** 2 / variance
    return LogRank(
        chi2=statistic,
        p_value=float(chi2_distribution.sf(statistic, df=1)),
        observed={"treated": float(observed), "control": float(total - observed)},
        expected={"treated": expected, "control": total - expected},
    )


def _stratum_score(episodes: Episodes, treated: BoolArray) -> tuple[float, float]:
    """Return a stratum's expected treated events and their hypergeometric variance."""
    times = episodes.event_times()
    at_risk = episodes.at_risk(times)
    events = episodes.ends(times, event=True)
    share = episodes.take(treated).at_risk(times) / at_risk
    # One at risk leaves no variance; the formula would be 0 / 0.
    spread = (at_risk - events) / np.maximum(at_risk - 1, 1)
    return float(np.sum(events * share)), float(np.sum(events * share * (1 - share) * spread))
