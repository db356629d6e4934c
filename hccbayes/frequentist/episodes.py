"""Episodes of follow-up, checked once, and how many of them are at risk at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import numbers

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

TIME_TOLERANCE: Final = float(np.sqrt(np.finfo(np.float64).eps))
"""Times closer than this, in months or as a share of the mean time, are one time (R's value)."""


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """Follow-up of patients, or of parts of it where a covariate changes with time.

    An episode is at risk at time t where ``entry < t <= stop``, the risk set of R's ``Surv``.

    Parameters
    ----------
    entry
        Months at which observation starts, shape ``(episodes,)``; ``-inf`` where it starts at the
        origin, so that an event at time 0 has the patient in its risk set, as in R's
        ``Surv(time, event)``.
    stop
        Months at which it ends.
    event
        Whether it ends with the event.
    """

    entry: FloatArray
    stop: FloatArray
    event: BoolArray

    @classmethod
    def of(cls, start: ArrayLike, stop: ArrayLike, event: ArrayLike) -> Episodes:
        """Return the episodes of plain arrays.

        Times that differ by rounding are made equal (``timefix`` of R's ``survfit`` and ``coxph``):
        whether two patients are tied must not depend on whether an age of 80 years and 5 months
        was written as 80 + 5/12 or as 79 + 17/12.

        Parameters
        ----------
        start
            Delayed entry or an episode's start in months, 0 where there is none.
        stop
            End of follow-up in months; 0 is allowed where `start` is 0.
        event
            1 where the episode ends with the event, 0 otherwise.

        Raises
        ------
        InputError
            If there is no episode, the lengths differ, a time is negative or not finite, an
            episode that starts after 0 has no length beyond rounding, or an event is not 0 or 1.
        """
        begin, end, died = numbers(start, "start"), numbers(stop, "stop"), numbers(event, "event")
        if end.ndim != 1 or end.size == 0 or not begin.shape == end.shape == died.shape:
            raise InputError(
                Problem("episodes", "start, stop and event must be vectors of one positive length")
            )
        problems = []
        begin, end = _with_ties(begin, end)
        if not (np.isfinite(begin).all() and np.isfinite(end).all()):
            problems.append(Problem("episodes", "start and stop must be finite"))
        elif (begin < 0).any() or (end < begin).any() or ((end == begin) & (begin > 0)).any():
            problems.append(Problem("episodes", "need 0 <= start < stop, or start and stop both 0"))
        if not np.isin(died, (0.0, 1.0)).all():
            problems.append(Problem("episodes", "event must be 0 or 1"))
        if problems:
            raise InputError(problems)
        return cls(entry=np.where(begin == 0, -np.inf, begin), stop=end, event=died == 1)

    @property
    def delayed(self) -> bool:
        """Whether any episode starts after the origin."""
        return bool(np.isfinite(self.entry).any())

    def event_times(self) -> FloatArray:
        """Return the distinct times of events, increasing."""
        return np.unique(self.stop[self.event])

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Episodes:
        """Return the episodes of `rows`, a mask or positions."""
        return Episodes(self.entry[rows], self.stop[rows], self.event[rows])

    def at_risk(self, times: ArrayLike) -> NDArray[np.intp]:
        """Return how many episodes are at risk at each time, R's ``n.risk``."""
        clock = np.asarray(times, dtype=np.float64)
        entered = np.searchsorted(np.sort(self.entry), clock, side="left")
        left = np.searchsorted(np.sort(self.stop), clock, side="left")
        return entered - left

    def ends(self, times: ArrayLike, *, event: bool) -> NDArray[np.intp]:
        """Return how many episodes end at each time with (or without) the event."""
        clock = np.asarray(times, dtype=np.float64)
        ends = np.sort(self.stop[self.event == event])
        return np.searchsorted(ends, clock, side="right") - np.searchsorted(
            ends, clock, side="left"
        )


def _with_ties(begin: FloatArray, end: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the times with those that differ by rounding set to the first of them.

    Neighbors are compared, so that a chain of them is one time: R's ``aeqSurv``.
    """
    times = np.unique(np.concatenate([begin, end]))
    times = times[np.isfinite(times)]
    near = np.diff(times) <= TIME_TOLERANCE * max(1.0, np.abs(times).mean() if len(times) else 0.0)
    if not near.any():
        return begin, end
    first = times[np.concatenate([[True], ~near])]

    def tied(values: FloatArray) -> FloatArray:
        own = first[np.searchsorted(first, values, side="right") - 1]
        return np.where(np.isfinite(values), own, values)

    return tied(begin), tied(end)


def stratum_codes(strata: ArrayLike | None, rows: int) -> NDArray[np.intp]:
    """Return the stratum of each row as 0, 1, ...; all 0 where there are none.

    Raises
    ------
    InputError
        If there is not one stratum a row, or one is missing.
    """
    if strata is None:
        return np.zeros(rows, dtype=np.intp)
    import pandas as pd

    codes, _ = pd.factorize(np.asarray(strata))
    if codes.shape != (rows,):
        raise InputError(Problem("strata", f"one a row is needed: {rows}"))
    if (codes < 0).any():
        where = tuple(str(row) for row in np.flatnonzero(codes < 0))
        raise InputError(Problem("strata", "missing values are not a stratum", where))
    return codes.astype(np.intp)
