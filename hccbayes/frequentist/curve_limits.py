"""Pointwise limits of a survival curve: their scales, and what to know where they mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from hccbayes.frequentist.arguments import check_known, check_prob
from hccbayes.frequentist.episodes import FloatArray

LimitKind = Literal["log", "log-log", "plain"]

NO_EVENT_YET: Final = "no event so far: standard error and limits are no certainty"
ALL_GONE: Final = "no standard error and limits: everybody at risk had the event"
NO_SPREAD: Final = "standard error of 0 is no certainty: the clusters do not differ"
"""What a row of a curve says where its limits mean nothing."""


def check_interval(interval_kind: str, prob: float) -> None:
    """Raise where a curve's limits are of no known kind, or their probability is none.

    Raises
    ------
    InputError
        If `interval_kind` is not ``log``, ``log-log`` or ``plain``, or `prob` not within (0, 1).
    """
    check_known("interval_kind", interval_kind, get_args(LimitKind))
    check_prob(prob)


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


def curve_notes(survival: FloatArray, standard_error: FloatArray) -> NDArray[np.str_]:
    """Return what each row of a curve says of its limits, empty where they can be read as they are.

    Parameters
    ----------
    survival, standard_error
        Of each row, shape ``(rows,)``; what the first says holds until the first event.
    """
    return np.select(
        [survival == 0, survival == 1, standard_error == 0],
        [ALL_GONE, NO_EVENT_YET, NO_SPREAD],
        default="",
    )


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
