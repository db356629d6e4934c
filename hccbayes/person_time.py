"""Episodes split into intervals: time at risk and events per interval, collapsed where rows repeat.

Intervals are half-open, ``I_j = (tau_{j-1}, tau_j]`` with ``tau_0 = 0`` and the last one open, so
that an event exactly on a cut point belongs to the interval that ends there (the rule of R's
``survSplit``). Times are in months.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PersonTime:
    """Events and exposure by row and interval.

    Parameters
    ----------
    cuts
        Interior cut points in months, increasing, shape ``(intervals - 1,)``.
    events
        (Weighted) events, shape ``(rows, intervals)``.
    exposure
        (Weighted) person-months at risk, shape ``(rows, intervals)``.
    row_of_episode
        Row to which each episode was added, shape ``(episodes,)``.
    """

    cuts: FloatArray
    events: FloatArray
    exposure: FloatArray
    row_of_episode: NDArray[np.intp]

    @property
    def cells(self) -> int:
        """Number of (row, interval) cells with time at risk: the rows of the long format."""
        return int(np.count_nonzero(self.exposure > 0))

    def collapse(self, keys: ArrayLike) -> PersonTime:
        """Add up the rows with the same key.

        Parameters
        ----------
        keys
            One key a row, shape ``(rows,)`` or ``(rows, columns)``: everything the hazard depends
            on beside time. Rows with equal keys have equal hazards, so that their events and
            exposure are sufficient (Holford 1980; Laird & Olivier 1981).

        Returns
        -------
        PersonTime
            Rows sorted by key; the log-likelihood is unchanged up to rounding.
        """
        table = np.asarray(keys)
        if len(table) != len(self.events):
            raise InputError(
                Problem("keys", f"one a row is needed: {len(self.events)}, got {len(table)}")
            )
        _, inverse = np.unique(table, axis=0, return_inverse=True)
        group = inverse.reshape(-1)
        return PersonTime(
            cuts=self.cuts,
            events=_add_rows(self.events, group),
            exposure=_add_rows(self.exposure, group),
            row_of_episode=group[self.row_of_episode],
        )


def _add_rows(values: FloatArray, group: NDArray[np.intp]) -> FloatArray:
    total = np.zeros((int(group.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(total, group, values)
    return total


def split_person_time(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    cuts: ArrayLike,
    *,
    weights: ArrayLike | None = None,
) -> PersonTime:
    """Split episodes at the cut points.

    Time at risk of episode i in interval j is
    ``e_ij = max(0, min(stop_i, tau_j) - max(start_i, tau_{j-1}))``; the event, if there is one,
    falls into the interval that holds ``stop_i``. Delayed entry and start-stop episodes need
    nothing else.

    Parameters
    ----------
    start, stop
        Months, shape ``(episodes,)``, ``0 <= start < stop``.
    event
        1 where the episode ends with the event, 0 otherwise.
    cuts
        Interior cut points in months, positive and strictly increasing; empty for one interval.
    weights
        Multiplies events and exposure of each episode; numbers, never model variables.

    Returns
    -------
    PersonTime
        One row an episode.

    Raises
    ------
    InputError
        If an episode has no length, an event is not 0 or 1, the cut points do not increase, or a
        weight is not a finite number of at least 0.
    """
    begin, end, died = (np.asarray(values, dtype=np.float64) for values in (start, stop, event))
    points = np.asarray(cuts, dtype=np.float64)
    weight = np.ones_like(end) if weights is None else numeric_weights(weights, len(end))
    _check_episodes(begin, end, died, points)
    lower = np.concatenate([[0.0], points])
    upper = np.concatenate([points, [np.inf]])
    exposure = np.minimum(end[:, None], upper) - np.maximum(begin[:, None], lower)
    events = np.zeros_like(exposure)
    interval = np.searchsorted(points, end, side="left")
    events[np.arange(len(end)), interval] = died
    return PersonTime(
        cuts=points,
        events=events * weight[:, None],
        exposure=np.maximum(exposure, 0.0) * weight[:, None],
        row_of_episode=np.arange(len(end)),
    )


def numeric_weights(weights: ArrayLike, length: int) -> FloatArray:
    """Return weights as numbers, or raise.

    A weight that is a function of model parameters lets the sampler raise the density by changing
    the weights, which is no inference at all; such symbolic weights are refused here.
    """
    values = np.asarray(weights)
    if values.dtype.kind not in "fiub":
        raise InputError(
            Problem(
                "weights",
                "must be plain numbers; weights that depend on model variables let the sampler "
                "choose the data. Compute them first and pass the numbers",
            )
        )
    numbers = values.astype(np.float64)
    if numbers.shape != (length,):
        raise InputError(Problem("weights", f"one an episode is needed: {length}"))
    if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
        raise InputError(Problem("weights", "must be finite and at least 0"))
    return numbers


def _check_episodes(
    start: FloatArray, stop: FloatArray, event: FloatArray, cuts: FloatArray
) -> None:
    problems = []
    if not (np.isfinite(start).all() and np.isfinite(stop).all()):
        problems.append(Problem("episodes", "start and stop must be finite"))
    elif (start < 0).any() or (stop <= start).any():
        problems.append(Problem("episodes", "need 0 <= start < stop"))
    if not np.isin(event, (0.0, 1.0)).all():
        problems.append(Problem("episodes", "event must be 0 or 1"))
    if not np.isfinite(cuts).all() or (cuts <= 0).any() or (np.diff(cuts) <= 0).any():
        problems.append(Problem("cuts", "must be positive, finite and strictly increasing"))
    if problems:
        raise InputError(problems)
