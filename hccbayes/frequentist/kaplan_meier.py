"""Kaplan-Meier curves, their pointwise limits and the median, as R's ``survfit`` gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import Episodes, FloatArray

LimitKind = Literal["log", "log-log", "plain"]

MEDIAN_TOLERANCE: Final = float(np.sqrt(np.finfo(np.float64).eps))
"""A curve within this of 0.5 sits on it: the product of fractions is rounded (R's own value)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianSurvival:
    """Median survival in months with its Brookmeyer-Crowley interval.

    Parameters
    ----------
    estimate, lower, upper
        Months; ``inf`` where the curve, or its limit, never comes down to one half.
    interval_kind
        Scale of the limits that were inverted: ``log``, ``log-log`` or ``plain``.
    interval_prob
        Probability of the interval.
    """

    estimate: float
    lower: float
    upper: float
    interval_kind: str
    interval_prob: float


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
        ``interval_kind``, ``interval_prob``. Where survival is 0 its standard error and limits
        are ``nan``, where it is 1 the limits are 1.

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
    return curve.assign(interval_kind=interval_kind, interval_prob=prob)


def check_interval(interval_kind: str, prob: float) -> None:
    """Raise where a curve's limits are of no known kind, or their probability is none.

    Raises
    ------
    InputError
        If `interval_kind` is not ``log``, ``log-log`` or ``plain``, or `prob` not within (0, 1).
    """
    if interval_kind not in _LIMITS:
        known = ", ".join(get_args(LimitKind))
        raise InputError(
            Problem("interval_kind", f"unknown kind {interval_kind!r}; choose from {known}")
        )
    if not 0 < prob < 1:
        raise InputError(Problem("prob", f"must lie between 0 and 1, not {prob!r}"))


def curve_columns(
    survival: FloatArray, log_se: FloatArray, interval_kind: LimitKind, prob: float
) -> dict[str, FloatArray]:
    """Return survival, its standard error and limits, each after its value at time 0.

    Parameters
    ----------
    survival
        At each time, shape ``(times,)``.
    log_se
        Standard errors of log survival, same shape; not used where survival is 0.
    interval_kind, prob
        Scale of the limits and their pointwise probability.

    Returns
    -------
    dict
        ``survival``, ``standard_error``, ``lower``, ``upper``, shape ``(1 + times,)`` each.
    """
    standard_error = np.full_like(survival, np.nan)
    np.multiply(survival, log_se, out=standard_error, where=survival > 0)
    lower, upper = _limits(survival, log_se, interval_kind, float(norm.ppf((1 + prob) / 2)))
    columns = {
        "survival": survival,
        "standard_error": standard_error,
        "lower": lower,
        "upper": upper,
    }
    at_zero = {"survival": 1.0, "standard_error": 0.0, "lower": 1.0, "upper": 1.0}
    return {name: np.concatenate([[at_zero[name]], values]) for name, values in columns.items()}


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
        ``time``, ``survival``, ``standard_error``, ``lower``, ``upper``, a row each time.

    Raises
    ------
    InputError
        If a time is negative, not finite, or beyond the last row: the curve says nothing there.
    """
    return steps_at(curve, times, ("survival", "standard_error", "lower", "upper"))


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
    clock = np.atleast_1d(np.asarray(times, dtype=np.float64))
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
    time = curve["time"].to_numpy()
    return MedianSurvival(
        estimate=_time_below_half(time, curve["survival"].to_numpy()),
        lower=_time_below_half(time, curve["lower"].to_numpy()),
        upper=_time_below_half(time, curve["upper"].to_numpy()),
        interval_kind=str(curve["interval_kind"].iloc[0]),
        interval_prob=float(curve["interval_prob"].iloc[0]),
    )


def numbers_at_risk(start: ArrayLike, stop: ArrayLike, times: ArrayLike) -> NDArray[np.intp]:
    """Return how many are at risk just before each time, for the table below a figure.

    Parameters
    ----------
    start, stop
        Episodes in months as for :meth:`Episodes.of`.
    times
        Months; at time 0 those under observation from the origin are counted.
    """
    end = np.asarray(stop, dtype=np.float64)
    return Episodes.of(start, end, np.zeros_like(end)).at_risk(np.atleast_1d(times))


def _greenwood(events: NDArray[np.intp], at_risk: NDArray[np.intp]) -> FloatArray:
    """Return the standard error of log survival; infinite once all at risk have died."""
    terms = np.full(len(events), np.inf)
    survivors = at_risk - events
    np.divide(events, at_risk * survivors, out=terms, where=survivors > 0)
    return np.sqrt(np.cumsum(terms))


def _limits(
    survival: FloatArray, log_se: FloatArray, kind: LimitKind, z: float
) -> tuple[FloatArray, FloatArray]:
    lower = np.where(survival == 1.0, 1.0, np.nan)
    upper = lower.copy()
    inside = (survival > 0) & (survival < 1)
    lower[inside], upper[inside] = _LIMITS[kind](survival[inside], z * log_se[inside])
    return lower, upper


def _log_limits(survival: FloatArray, half: FloatArray) -> tuple[FloatArray, FloatArray]:
    return survival * np.exp(-half), np.minimum(survival * np.exp(half), 1.0)


def _log_log_limits(survival: FloatArray, half: FloatArray) -> tuple[FloatArray, FloatArray]:
    # The standard error of log(-log S) is that of log S over |log S|.
    factor = np.exp(half / -np.log(survival))
    return survival**factor, survival ** (1.0 / factor)


def _plain_limits(survival: FloatArray, half: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.maximum(survival * (1.0 - half), 0.0), np.minimum(survival * (1.0 + half), 1.0)


_LIMITS: Final[dict[str, Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]]] = {
    "log": _log_limits,
    "log-log": _log_log_limits,
    "plain": _plain_limits,
}


def _time_below_half(time: FloatArray, curve: FloatArray) -> float:
    """Time at which a step function comes down to one half; ``nan`` values are passed over."""
    reached = np.flatnonzero(curve < 0.5 + MEDIAN_TOLERANCE)
    if reached.size == 0:
        return float("inf")
    first = reached[0]
    below = reached[curve[reached] < curve[first]]
    if abs(curve[first] - 0.5) < MEDIAN_TOLERANCE and below.size:
        return float(time[first] + time[below[0]]) / 2.0
    return float(time[first])
