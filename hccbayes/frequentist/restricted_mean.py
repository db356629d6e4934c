"""Restricted mean survival time: months lived on average up to a horizon.

The area under the survival curve (Royston & Parmar 2013, BMC Medical Research Methodology 13:152),
with a variance of Greenwood's type, or with weights that of the infinitesimal jackknife.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import check_prob, is_number
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import kaplan_meier
from hccbayes.frequentist.weighted_cox import cluster_codes
from hccbayes.frequentist.weighted_curves import weighted_curve
from hccbayes.frequentist.weighted_variance import EstimatedWeights, influence, standard_errors

NO_VARIATION: Final = "the data before the horizon hold no variation of events"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMean:
    """A restricted mean survival time in months.

    Parameters
    ----------
    estimate, standard_error, lower, upper
        Months, with Wald limits.
    horizon
        Months to which the mean is taken.
    at_risk
        Rows still at risk just before the horizon.
    interval_prob
        Probability of the limits.
    variance
        ``greenwood`` or ``infinitesimal_jackknife``.
    reason
        Why the standard error of 0 is no certainty; empty where it is above 0.
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    horizon: float
    at_risk: int
    interval_prob: float
    variance: str
    reason: str


def restricted_mean(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    horizon: float,
    *,
    prob: float = INTERVAL_PROB,
) -> RestrictedMean:
    r"""Return the restricted mean survival time up to a horizon.

    .. math:: \mu = \int_0^\tau S(u)\,du, \qquad
              \mathrm{var} = \sum_{t_k \le \tau} \Bigl(\int_{t_k}^\tau S(u)\,du\Bigr)^2
              \frac{d_k}{n_k (n_k - d_k)}

    the variance of R's ``print(survfit, rmean = )`` and of the R package survRM2, without the
    factor m / (m - 1) of some texts.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`; delayed entry is allowed.
    horizon
        Months, above 0 and within the follow-up, unless the curve has come down to 0 before.
    prob
        Probability of the Wald limits.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If the horizon lies beyond a follow-up that somebody has survived.
    """
    curve = kaplan_meier(start, stop, event, prob=prob)
    time, survival = curve["time"].to_numpy(), curve["survival"].to_numpy()
    widths = _widths(time, survival, horizon)
    areas = survival * widths
    # Row k holds the area from its time to the horizon.
    beyond = np.cumsum(areas[::-1])[::-1]
    events, at_risk = (curve[name].to_numpy(dtype=np.float64) for name in ("events", "at_risk"))
    survivors = at_risk - events
    terms = np.zeros_like(events)
    # Where all at risk die nothing lies beyond, and the term is 0.
    np.divide(events, at_risk * survivors, out=terms, where=(events > 0) & (survivors > 0))
    return _with_limits(
        estimate=float(areas.sum()),
        standard_error=float(np.sqrt(np.sum(beyond**2 * terms))),
        horizon=horizon,
        at_risk=_at_risk(curve, horizon),
        prob=prob,
        variance="greenwood",
    )


def weighted_restricted_mean(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    weights: ArrayLike,
    horizon: float,
    *,
    members: ArrayLike | None = None,
    estimated: EstimatedWeights | None = None,
    cluster: ArrayLike | None = None,
    prob: float = INTERVAL_PROB,
) -> tuple[RestrictedMean, FloatArray]:
    """Return the weighted restricted mean survival time and each row's influence on it.

    Parameters
    ----------
    start, stop, event, weights, members
        As for :func:`hccbayes.frequentist.weighted_curves.weighted_curve`.
    horizon
        Months, as for :func:`restricted_mean`.
    estimated
        The score model behind the weights, whose estimation the variance then includes; the
        weights are taken as given where left out.
    cluster
        Label of each row's cluster; each row its own where left out.
    prob
        Probability of the Wald limits.

    Returns
    -------
    RestrictedMean
        With the variance of the infinitesimal jackknife: without weights and delayed entry equal
        to that of :func:`restricted_mean`.
    ndarray
        Influences, shape ``(rows,)``, whose squared sums by cluster are the variance.

    Raises
    ------
    InputError, NotEstimableError
        As for ``weighted_curve`` and :func:`restricted_mean`.
    """
    curve = weighted_curve(start, stop, event, weights, members=members)
    groups = cluster_codes(cluster, len(curve.weights))
    time = np.concatenate([[0.0], curve.time])
    survival = np.concatenate([[1.0], curve.survival])
    widths = _widths(time, survival, horizon)
    own = influence((curve.sensitivity @ widths[1:])[:, None], curve.weights, estimated)
    at_risk = pd.DataFrame(
        {"time": time, "at_risk": np.concatenate([[curve.from_origin], curve.at_risk])}
    )
    mean = _with_limits(
        estimate=float(survival @ widths),
        standard_error=float(standard_errors(own, groups)[0]),
        horizon=horizon,
        at_risk=_at_risk(at_risk, horizon),
        prob=prob,
        variance="infinitesimal_jackknife",
    )
    return mean, own[:, 0]


def _widths(time: FloatArray, survival: FloatArray, horizon: float) -> FloatArray:
    """Return how long the curve stays at each of its values before the horizon.

    Raises
    ------
    InputError
        If the horizon is not a time.
    NotEstimableError
        If the curve ends before it, above 0.
    """
    if not (is_number(horizon) and 0 < horizon < np.inf):
        raise InputError(Problem("horizon", f"must be above 0 and finite, not {horizon!r}"))
    if horizon > time[-1] and survival[-1] > 0:
        raise NotEstimableError(
            Problem(
                "horizon",
                f"{horizon:g} months lie beyond the follow-up of {time[-1]:g}, which "
                f"{survival[-1]:.1%} survive: the area under the curve is not known there",
            )
        )
    return np.diff(np.minimum(np.append(time, np.inf), horizon))


def _at_risk(curve: pd.DataFrame, horizon: float) -> int:
    """Return how many are at risk just before the horizon; nobody after the last row."""
    following = np.searchsorted(curve["time"].to_numpy(), horizon, side="left")
    return int(curve["at_risk"].iloc[following]) if following < len(curve) else 0


def _with_limits(
    *,
    estimate: float,
    standard_error: float,
    horizon: float,
    at_risk: int,
    prob: float,
    variance: str,
) -> RestrictedMean:
    check_prob(prob)
    half = float(norm.ppf((1 + prob) / 2)) * standard_error
    reason = "" if standard_error > 0 else NO_VARIATION
    return RestrictedMean(
        estimate=estimate,
        standard_error=standard_error,
        lower=estimate - half,
        upper=estimate + half,
        horizon=horizon,
        at_risk=at_risk,
        interval_prob=prob,
        variance=variance,
        reason=reason,
    )
