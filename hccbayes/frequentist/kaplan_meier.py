"""Kaplan-Meier curves, their pointwise limits and the median, as R's ``survfit`` gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import numbers
from hccbayes.frequentist.curve_limits import (
    LimitKind,
    check_interval,
    curve_columns,
    curve_notes,
)
from hccbayes.frequentist.episodes import Episodes, FloatArray

MEDIAN_TOLERANCE: Final = float(np.sqrt(np.finfo(np.float64).eps))
"""A curve within this of 0.5 sits on it: the product of fractions is rounded (R's own value)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianSurvival:
    """Median survival in months with its Brookmeyer-Crowley interval.

    Parameters
    ----------
    estimate, lower, upper
        Months; ``inf`` where the curve, or its limit, never comes down to one half. A lower limit
        is ``nan`` where the curve falls to 0 before it has come down.
    interval_kind
        Scale of the limits that were inverted: ``log``, ``log-log`` or ``plain``.
    interval_prob
        Probability of the interval.
    reason
        Why a number is not finite; empty where all are.
    """

    estimate: float
    lower: float
    upper: float
    interval_kind: str
    interval_prob: float
    reason: str


def kaplan_meier(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    interval_kind: LimitKind = "log",
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    r"""Estimate survival by the product limit, with pointwise limits.

    .. math:: S(t) = \prod_{t_k \le t} (1 - d_k / n_k), \quad
              \mathrm{se}(\log S) = \sqrt{\sum_{t_k \le t} d_k / (n_k (n_k - d_k))}

    (Kaplan & Meier 1958; Greenwood 1926). `interval_kind` is ``conf.type`` of R's ``survfit``:
    ``log`` (R's default) is :math:`S \exp(\pm z\,\mathrm{se})`, ``log-log`` is symmetric on
    :math:`\log(-\log S)`, ``plain`` on S; limits beyond 0 and 1 are set to them, as R does.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`. With delayed entry the curve holds for
        those who are under observation, and a first risk set that dies out at once takes it to 0.
    interval_kind
        Scale of the limits.
    prob
        Their pointwise probability.

    Returns
    -------
    pandas.DataFrame
        One row each distinct end of an episode, after a row for time 0 with survival 1: ``time``,
        ``survival``, ``standard_error`` (of survival), ``lower``, ``upper``, ``at_risk`` (just
        before `time`), ``events``, ``censored`` (episodes that end without the event),
        ``interval_kind``, ``interval_prob``, ``note``. Where survival is 0 its standard error and
        limits are ``nan``, where it is 1 the limits are 1, as in R, and ``note`` says so.

    Raises
    ------
    InputError
        If the episodes are wrong, or `interval_kind` or `prob` is not known.
    """
    check_interval(interval_kind, prob)
    episodes = Episodes.of(start, stop, event)
    times = np.unique(episodes.stop)
    at_risk = episodes.at_risk(times)
    events = episodes.ends(times, event=True)
    survival = np.cumprod(1.0 - events / at_risk)
    columns = curve_columns(survival, _greenwood(events, at_risk), interval_kind, prob)
    from_origin = int(np.count_nonzero(np.isneginf(episodes.entry)))
    curve = pd.DataFrame(
        {"time": np.concatenate([[0.0], times])}
        | columns
        | {
            "at_risk": np.concatenate([[from_origin], at_risk]),
            "events": np.concatenate([[0], events]),
            "censored": np.concatenate([[0], episodes.ends(times, event=False)]),
        }
    )
    notes = curve_notes(columns["survival"], columns["standard_error"])
    return curve.assign(interval_kind=interval_kind, interval_prob=prob, note=notes)


def survival_at(curve: pd.DataFrame, times: ArrayLike) -> pd.DataFrame:
    """Read a curve at given times.

    Parameters
    ----------
    curve
        What :func:`kaplan_meier` returned.
    times
        Months, within the curve's follow-up.

    Returns
    -------
    pandas.DataFrame
        ``time``, ``survival``, ``standard_error``, ``lower``, ``upper``, ``note``, a row each time.

    Raises
    ------
    InputError
        If a time is negative, not finite, or beyond the last row: the curve says nothing there.
    """
    return steps_at(curve, times, ("survival", "standard_error", "lower", "upper", "note"))


def steps_at(curve: pd.DataFrame, times: ArrayLike, columns: Sequence[str]) -> pd.DataFrame:
    """Read columns of a step curve at given times.

    Parameters
    ----------
    curve
        A row each ``time``, increasing; what a row says holds until the next.
    times
        Months, within the curve's follow-up.
    columns
        What is read.

    Returns
    -------
    pandas.DataFrame
        ``time``, then `columns`; a row each time.

    Raises
    ------
    InputError
        If a time is negative, not finite, or beyond the last row: the curve says nothing there.
    """
    clock = np.atleast_1d(numbers(times, "times"))
    end = float(curve["time"].iloc[-1])
    outside = clock[~((clock >= 0) & (clock <= end))]
    if outside.size:
        listed = ", ".join(f"{time:g}" for time in outside)
        raise InputError(Problem("times", f"the curve ends at {end:g} months; not known: {listed}"))
    row = np.searchsorted(curve["time"].to_numpy(), clock, side="right") - 1
    return curve[["time", *columns]].iloc[row].reset_index(drop=True).assign(time=clock)


def median_survival(curve: pd.DataFrame) -> MedianSurvival:
    """Invert a curve and its pointwise limits at one half (Brookmeyer & Crowley 1982).

    The median is the first time at which the curve lies below one half; where it sits on one half
    exactly, the midpoint of that stretch, the rule of R's ``print.survfit``. Its limits are the
    same of the lower and the upper limit of survival.

    Parameters
    ----------
    curve
        What :func:`kaplan_meier` returned.
    """
    estimate, lower, upper, reason = time_with_limits(curve, 0.5)
    return MedianSurvival(
        estimate=estimate,
        lower=lower,
        upper=upper,
        interval_kind=str(curve["interval_kind"].iloc[0]),
        interval_prob=float(curve["interval_prob"].iloc[0]),
        reason=reason,
    )


def time_with_limits(curve: pd.DataFrame, level: float) -> tuple[float, float, float, str]:
    """Return when a curve and its limits come down to a level, and why one of them does not.

    Parameters
    ----------
    curve
        ``time``, ``survival``, ``lower`` and ``upper``, a row each step.
    level
        Survival, within (0, 1).

    Returns
    -------
    tuple
        Months of the curve, of its lower and of its upper limit, and the reason of those that are
        not finite. A lower limit that has not come down when the curve falls to 0, where it has
        none, is ``nan``: R's ``survfit`` prints NA.
    """
    time = curve["time"].to_numpy()
    estimate, lower, upper = (
        _time_down_to(time, curve[column].to_numpy(), level)
        for column in ("survival", "lower", "upper")
    )
    end, last = float(time[-1]), float(curve["survival"].iloc[-1])
    if np.isinf(estimate):
        reason = (
            f"not reached: survival is still {last:.3f} when follow-up ends at {end:g} months, "
            f"above {level:g}"
        )
        return estimate, lower, upper, reason
    reasons = []
    if np.isinf(lower):
        lower = float("nan")
        reasons.append("no lower limit: the curve falls to 0, where it has no standard error")
    if np.isinf(upper):
        reasons.append(f"upper limit not reached within the follow-up of {end:g} months")
    return estimate, lower, upper, "; ".join(reasons)


def numbers_at_risk(start: ArrayLike, stop: ArrayLike, times: ArrayLike) -> NDArray[np.intp]:
    """Return how many are at risk just before each time, for the table below a figure.

    Parameters
    ----------
    start, stop
        Episodes in months as for :meth:`Episodes.of`.
    times
        Months; at time 0 those under observation from the origin are counted.

    Raises
    ------
    InputError
        If the episodes are wrong, or a time is negative or not finite.
    """
    clock = np.atleast_1d(numbers(times, "times"))
    wrong = clock[~((clock >= 0) & np.isfinite(clock))]
    if wrong.size:
        listed = ", ".join(f"{time:g}" for time in wrong)
        raise InputError(Problem("times", f"must be finite and at least 0, not {listed}"))
    return Episodes.of(start, stop, np.zeros(np.shape(stop))).at_risk(clock)


def _greenwood(events: NDArray[np.intp], at_risk: NDArray[np.intp]) -> FloatArray:
    """Return the standard error of log survival; infinite once all at risk have died."""
    terms = np.full(len(events), np.inf)
    survivors = at_risk - events
    np.divide(events, at_risk * survivors, out=terms, where=survivors > 0)
    return np.sqrt(np.cumsum(terms))


def _time_down_to(time: FloatArray, curve: FloatArray, level: float) -> float:
    """Time at which a step function comes down to a level; ``nan`` values are passed over."""
    reached = np.flatnonzero(curve < level + MEDIAN_TOLERANCE)
    if reached.size == 0:
        return float("inf")
    first = reached[0]
    below = reached[curve[reached] < level - MEDIAN_TOLERANCE]
    if curve[first] > level - MEDIAN_TOLERANCE and below.size:
        return float(time[first] + time[below[0]]) / 2.0
    return float(time[first])
