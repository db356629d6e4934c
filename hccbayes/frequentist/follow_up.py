"""How long patients were followed: the reverse Kaplan-Meier estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import Problem
from hccbayes.frequentist.curve_limits import LimitKind
from hccbayes.frequentist.episodes import Episodes
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import kaplan_meier
from hccbayes.frequentist.quantiles import survival_quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """Median potential follow-up in months.

    Parameters
    ----------
    estimate, lower, upper
        Months; ``inf`` where the reverse curve, or its limit, never comes down to one half.
    interval_kind, interval_prob
        Scale and probability of the Brookmeyer-Crowley limits.
    patients, censored
        Rows, and rows whose follow-up ended without the event.
    reason
        Why a number is not finite; empty where all are.
    """

    estimate: float
    lower: float
    upper: float
    interval_kind: str
    interval_prob: float
    patients: int
    censored: int
    reason: str


def reverse_kaplan_meier(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    interval_kind: LimitKind = "log",
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Estimate the distribution of potential follow-up (Schemper & Smith 1996).

    The Kaplan-Meier curve with the parts of event and censoring exchanged: R's
    ``survfit(Surv(time, 1 - event) ~ 1)``. Those who die at a time are still at risk of being
    censored then.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`, the event as it is.
    interval_kind, prob
        Scale of the limits and their pointwise probability.

    Returns
    -------
    pandas.DataFrame
        As :func:`hccbayes.frequentist.kaplan_meier.kaplan_meier`; its ``events`` are censorings.

    Raises
    ------
    InputError
        As for ``kaplan_meier``.
    """
    ends = Episodes.of(start, stop, event).event
    return kaplan_meier(start, stop, ~ends, interval_kind=interval_kind, prob=prob)


def median_follow_up(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    interval_kind: LimitKind = "log",
    prob: float = INTERVAL_PROB,
) -> FollowUp:
    """Return the median follow-up by reverse Kaplan-Meier, with limits.

    Parameters
    ----------
    start, stop, event
        One row a patient, in months, as for :meth:`Episodes.of`. Follow-up counts from time 0.
    interval_kind, prob
        Scale of the limits that are inverted and their probability.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If every patient had the event: nobody shows how long follow-up would have been.
    """
    curve = reverse_kaplan_meier(start, stop, event, interval_kind=interval_kind, prob=prob)
    censored = int(curve["events"].sum())
    if censored == 0:
        message = "every patient had the event; follow-up without it was not observed"
        raise NotEstimableError(Problem("event", message))
    found = survival_quantiles(curve, [0.5]).iloc[0]
    return FollowUp(
        estimate=float(found["estimate"]),
        lower=float(found["lower"]),
        upper=float(found["upper"]),
        interval_kind=interval_kind,
        interval_prob=prob,
        patients=int(np.size(event)),
        censored=censored,
        reason=str(found["reason"]),
    )
