"""The cumulative hazard by Nelson and Aalen, as R's ``survfit(ctype = 1)`` gives it."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.frequentist.arguments import check_known, check_prob
from hccbayes.frequentist.curve_limits import NO_EVENT_YET
from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.kaplan_meier import steps_at

HazardTies = Literal["nelson-aalen", "fleming-harrington"]
HazardLimitKind = Literal["log", "plain"]


def nelson_aalen(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    ties: HazardTies = "nelson-aalen",
    interval_kind: HazardLimitKind = "log",
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    r"""Estimate the cumulative hazard, with pointwise limits.

    .. math:: H(t) = \sum_{t_k \le t} \frac{d_k}{n_k}, \qquad
              \mathrm{var}\,H(t) = \sum_{t_k \le t} \frac{d_k}{n_k^2}

    (Nelson 1972; Aalen 1978), R's ``survfit(ctype = 1)$cumhaz`` and ``$std.chaz``. With
    ``fleming-harrington`` ties each of d deaths at a time has a risk set of its own, of n, n - 1,
    ... patients (Fleming & Harrington 1984), R's ``ctype = 2``. ``log`` limits are
    :math:`H \exp(\pm z\,\mathrm{se} / H)` (Bie, Borgan & Liestøl 1987), ``plain`` limits
    :math:`H \pm z\,\mathrm{se}`, the lower one 0 at the least.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`; delayed entry is allowed.
    ties
        ``nelson-aalen`` or ``fleming-harrington``.
    interval_kind
        Scale of the limits.
    prob
        Their pointwise probability.

    Returns
    -------
    pandas.DataFrame
        One row each distinct end of an episode, after a row for time 0: ``time``,
        ``cumulative_hazard``, ``standard_error``, ``lower``, ``upper``, ``at_risk``, ``events``,
        ``ties``, ``interval_kind``, ``interval_prob``, ``note``. Where the hazard is still 0 so are
        its standard error and limits, and ``note`` says that no event has told how uncertain it
        is.

    Raises
    ------
    InputError
        If the episodes are wrong, or `ties`, `interval_kind` or `prob` is not known.
    """
    check_known("ties", ties, get_args(HazardTies))
    check_known("interval_kind", interval_kind, get_args(HazardLimitKind))
    check_prob(prob)
    episodes = Episodes.of(start, stop, event)
    times = np.unique(episodes.stop)
    at_risk = episodes.at_risk(times)
    events = episodes.ends(times, event=True)
    hazard, variance = _INCREMENTS[ties](events, at_risk)
    total = np.cumsum(hazard)
    se = np.sqrt(np.cumsum(variance))
    half = float(norm.ppf((1 + prob) / 2)) * se
    if interval_kind == "log":
        factor = np.exp(np.divide(half, total, out=np.zeros_like(half), where=total > 0))
        lower, upper = total / factor, total * factor
    else:
        lower, upper = np.maximum(total - half, 0.0), total + half
    columns = {"cumulative_hazard": total, "standard_error": se, "lower": lower, "upper": upper}
    curve = pd.DataFrame(
        {"time": np.concatenate([[0.0], times])}
        | {name: np.concatenate([[0.0], values]) for name, values in columns.items()}
        | {
            "at_risk": np.concatenate([[int(np.isneginf(episodes.entry).sum())], at_risk]),
            "events": np.concatenate([[0], events]),
        }
    )
    return curve.assign(
        ties=ties,
        interval_kind=interval_kind,
        interval_prob=prob,
        note=np.where(curve["cumulative_hazard"] == 0, NO_EVENT_YET, ""),
    )


def cumulative_hazard_at(curve: pd.DataFrame, times: ArrayLike) -> pd.DataFrame:
    """Read a cumulative hazard at given times.

    Parameters
    ----------
    curve
        What :func:`nelson_aalen` returned.
    times
        Months, within the curve's follow-up.

    Returns
    -------
    pandas.DataFrame
        ``time``, ``cumulative_hazard``, ``standard_error``, ``lower``, ``upper``, ``note``, a row
        each time.

    Raises
    ------
    InputError
        If a time is negative, not finite, or beyond the last row.
    """
    columns = ("cumulative_hazard", "standard_error", "lower", "upper", "note")
    return steps_at(curve, times, columns)


def _together(events: NDArray[np.intp], at_risk: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    """Return hazard and variance of each time, all deaths of a time out of one risk set."""
    return events / at_risk, events / at_risk.astype(np.float64) ** 2


def _one_by_one(
    events: NDArray[np.intp], at_risk: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Return hazard and variance of each time, each death out of those the last one left."""
    hazard, variance = np.zeros(len(events)), np.zeros(len(events))
    for index in np.flatnonzero(events):
        left = at_risk[index] - np.arange(events[index])
        hazard[index] = np.sum(1.0 / left)
        variance[index] = np.sum(1.0 / left.astype(np.float64) ** 2)
    return hazard, variance


_INCREMENTS: Final = {"nelson-aalen": _together, "fleming-harrington": _one_by_one}
