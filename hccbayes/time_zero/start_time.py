"""Starts of treatment and time at risk of one, by interval of the model of the start."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hccbayes.person_time import PersonTime, split_person_time
from hccbayes.time_zero.cloning import FollowUp

FloatArray = NDArray[np.float64]

STARTS_PER_INTERVAL: Final = 8
"""Starts of treatment that an interval of the model holds at least, where there are as many."""
MOST_INTERVALS: Final = 4
"""Intervals before the end of the grace period, and after it."""


def start_cuts(start: FloatArray, grace: float) -> FloatArray:
    """Return cut points between which enough patients start, the grace period's end among them.

    Before and after the end of the grace period each interval has the same number of starts, at
    least :data:`STARTS_PER_INTERVAL`, and no more than :data:`MOST_INTERVALS` intervals. Where
    nobody starts after it, the hazard there is 0.

    Parameters
    ----------
    start
        Starts after time zero, months, shape ``(starts,)``.
    grace
        End of the grace period, months.
    """
    early, late = start[start <= grace], start[start > grace]
    inner = _equal_parts(early, grace), np.array([grace]), _equal_parts(late, np.inf)
    return np.unique(np.concatenate(inner))


def _equal_parts(start: FloatArray, end: float) -> FloatArray:
    count = min(MOST_INTERVALS, len(start) // STARTS_PER_INTERVAL)
    if count < 2:
        return np.zeros(0)
    cuts = np.unique(np.quantile(start, np.arange(1, count) / count))
    # Of tied starts a quantile may be the first or the last: an interval would have none.
    cuts = cuts[(cuts < min(end, start.max())) & (cuts >= start.min())]
    return cuts[np.diff(np.searchsorted(np.sort(start), cuts, side="right"), prepend=0) > 0]


def starts_at_risk(
    follow_up: FollowUp, grace: float, *, within_grace: bool
) -> tuple[PersonTime, NDArray[np.bool_]]:
    """Return starts and time at risk of patients not treated at time zero, and who they are."""
    later = follow_up.start > 0
    stop = np.minimum(follow_up.start, follow_up.time)
    if within_grace:
        stop = np.minimum(stop, grace)
    started = follow_up.start <= stop
    cuts = start_cuts(follow_up.start[later & started], grace)
    cuts = cuts[cuts < stop.max()]
    split = split_person_time(
        np.zeros(int(later.sum())), stop[later], started[later].astype(np.float64), cuts
    )
    return split, later
