"""Which patient of an arm has which outcome: printed regressions, curves of the matched subset.

Outcomes are exchanged within an arm, so that every Kaplan-Meier curve and the unadjusted hazard
ratio of the whole cohort stay as they are. Annealing comes near; then the two exchanges are sought
whose effects add up to what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from hccbayes.synthetic.annealing import CLOSE_ENOUGH, Schedule, anneal
from hccbayes.synthetic.conditions import Condition, conditions, outcome_columns
from hccbayes.synthetic.outcome_targets import EVENT_COLUMNS, Regression
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import InfeasibleDrawError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Distances = Callable[[FloatArray], FloatArray]

SCHEDULE: Final = Schedule(steps=15_000, first=10_000.0, last=30.0)
NEAR: Final = 150.0
"""Tolerances within which annealing ends and pairs of exchanges are sought."""
ROUNDS: Final = 150
CANDIDATES: Final = 600
"""Exchanges of a round; it looks at all their pairs."""
TRIED: Final = 30
"""Most promising pairs that are measured; the effects of two exchanges add up nearly, not quite."""
KICK: Final = 6
"""Random exchanges where a search is at a dead end."""
NEIGHBORS: Final = 4
"""Of a patient in the order of an endpoint's times, among whom partners for fine steps are."""


@dataclass(frozen=True, slots=True, eq=False)
class _Exchange:
    """Two patients and the columns they exchange."""

    pair: IntArray
    columns: IntArray

    def of(self, outcomes: FloatArray) -> FloatArray:
        """Return the outcomes afterwards, or as they are where the exchange is not possible.

        No progression may come after the end of follow-up, and every death is an event.
        """
        result = outcomes.copy()
        result[np.ix_(self.pair, self.columns)] = outcomes[np.ix_(self.pair[::-1], self.columns)]
        if outcomes.shape[1] > 2:
            os_months, death, pfs_months, progressed = result[self.pair].T
            if not ((pfs_months <= os_months) & (death <= progressed)).all():
                return outcomes
        return result


def reorder_outcomes(
    frame: pd.DataFrame,
    study: StudyTargets,
    regressions: Sequence[Regression],
    rng: np.random.Generator,
    *,
    movable: NDArray[np.bool_] | None = None,
    within: Sequence[str] = ("arm",),
) -> pd.DataFrame:
    """Exchange outcomes within groups until the printed regressions and matched medians hold.

    Annealing comes near all of them; then those on overall survival are met, and those on
    progression, each by exchanges of that endpoint alone. One Newton step from the printed values
    says how far away hazard ratios are; no fit is needed.

    Parameters
    ----------
    frame
        The cohort with its outcomes.
    study
        Its labels and endpoints.
    regressions
        Those of the study that are to hold.
    rng
        Source of the exchanges.
    movable
        Who may exchange; everyone where it is left out.
    within
        Columns that a pair has in common.

    Raises
    ------
    InfeasibleDrawError
        If the search ends before every target is met.
    """
    columns = outcome_columns(frame)
    members = _members(frame, movable, within)
    outcomes = frame[columns].to_numpy(dtype=np.float64)
    wanted = [conditions(frame, study, regressions, endpoint) for endpoint in ("os", "pfs")]
    outcomes = _come_near(outcomes, [*wanted[0], *wanted[1]], members, rng)
    for first, parts in ((0, wanted[0]), (2, wanted[1])):
        if parts:
            outcomes = _meet(outcomes, parts, members, np.array([first, first + 1]), rng)
    result = frame.copy()
    result[columns] = outcomes
    events = [column for column in columns if column in EVENT_COLUMNS.values()]
    return result.astype(dict.fromkeys(events, np.int64))


def _members(
    frame: pd.DataFrame, movable: NDArray[np.bool_] | None, within: Sequence[str]
) -> list[IntArray]:
    """Return the positions of those who may exchange, by group."""
    group = frame.groupby(list(within), sort=True).ngroup().to_numpy()
    if movable is not None:
        group = np.where(movable, group, -1)
    return [np.flatnonzero(group == number) for number in np.unique(group[group >= 0])]


def _together(wanted: Sequence[Condition]) -> Distances:
    return lambda outcomes: np.concatenate([part.distance(outcomes) for part in wanted])


def _come_near(
    outcomes: FloatArray,
    wanted: Sequence[Condition],
    members: Sequence[IntArray],
    rng: np.random.Generator,
) -> FloatArray:
    """Anneal by exchanges of everything, or of progression alone."""
    columns = np.arange(outcomes.shape[1])

    def propose(current: FloatArray) -> FloatArray:
        chosen = columns if rng.random() < 0.5 else columns[-2:]
        return _exchange(current, members, chosen, rng).of(current)

    return anneal(outcomes, propose, _together(wanted), SCHEDULE, rng, within=NEAR)


def _meet(
    outcomes: FloatArray,
    wanted: Sequence[Condition],
    members: Sequence[IntArray],
    columns: IntArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Meet the conditions on the endpoint of these columns by exchanges of it alone."""

    def exchange(current: FloatArray) -> _Exchange:
        return _exchange(current, members, columns, rng)

    return _refine(outcomes, exchange, _together(wanted))


def _exchange(
    outcomes: FloatArray, members: Sequence[IntArray], columns: IntArray, rng: np.random.Generator
) -> _Exchange:
    """Return an exchange between any two patients of a group, or every second time neighbors."""
    size = np.array([len(member) for member in members], dtype=np.float64)
    member = members[rng.choice(len(members), p=size / size.sum())]
    if rng.random() < 0.5:
        return _Exchange(rng.choice(member, 2, replace=False), columns)
    # Those with the event stand together, so that nearly all neighbors have it both or neither.
    time, event = outcomes[np.ix_(member, columns[:2])].T
    ordered = member[np.lexsort((time, event))]
    place = int(rng.integers(len(ordered) - 1))
    other = min(place + int(rng.integers(1, NEIGHBORS + 1)), len(ordered) - 1)
    return _Exchange(ordered[[place, other]], columns)


def _refine(
    outcomes: FloatArray,
    exchange: Callable[[FloatArray], _Exchange],
    distances: Distances,
) -> FloatArray:
    """Take the best two of many exchanges, again and again, until every target is met.

    Where none of the most promising comes closer, some exchanges are made at random, so that the
    search leaves a dead end.
    """
    off = distances(outcomes)
    for _ in range(ROUNDS):
        if np.abs(off).max() < CLOSE_ENOUGH:
            return outcomes
        found = [exchange(outcomes) for _ in range(CANDIDATES)]
        shifts = np.array([distances(part.of(outcomes)) - off for part in found])
        moving = np.flatnonzero(shifts.any(axis=1))
        gap, second = KDTree(shifts[moving]).query(-(off + shifts[moving]))
        tried = []
        for first in np.argsort(gap)[:TRIED]:
            pair = found[moving[first]], found[moving[second[first]]]
            proposal = pair[1].of(pair[0].of(outcomes))
            proposed = distances(proposal)
            if (proposed != off).any():
                tried.append((float(proposed @ proposed), proposal, proposed))
        best = min(tried, key=lambda entry: entry[0])
        if best[0] < float(off @ off):
            _, outcomes, off = best
            continue
        for _ in range(KICK):
            outcomes = exchange(outcomes).of(outcomes)
        off = distances(outcomes)
    missed = int((np.abs(off) >= CLOSE_ENOUGH).sum())
    raise InfeasibleDrawError(f"the search ended with {missed} of {len(off)} targets missed")
