"""Outcomes from numbers at risk: for a study that printed nothing else of its curves.

Times are drawn within the intervals of the risk table. Which of them end in death is then searched
for: an annealing over event flags and times towards the printed median and hazard ratios, with a
chosen number of deaths. Progression is placed before the end of overall follow-up, in the intervals
of its own risk table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.arms import ARMS, Arm
from hccbayes.synthetic.annealing import Schedule, anneal
from hccbayes.synthetic.conditions import (
    SURVIVAL_TOLERANCE,
    distance_from_half,
    log_limit_curves,
)
from hccbayes.synthetic.event_times import TIME_DECIMALS
from hccbayes.synthetic.partial_likelihood import log_hr_offset
from hccbayes.synthetic.risk_targets import RiskTable, RiskTargets
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import HR_TOLERANCE, Part

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

SCHEDULE: Final = Schedule(steps=20_000, first=1000.0, last=1e-3)
SHORTEST: Final = 0.3
"""Months before which no follow-up ends."""


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    time: FloatArray
    event: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Where patients stand, and between which months their follow-up ends."""

    treated: FloatArray
    matched: BoolArray
    arms: dict[Arm, IntArray]
    lower: FloatArray
    upper: FloatArray
    fixed: IntArray

    def free(self, arm: Arm) -> IntArray:
        """Return the patients of an arm that nothing fixes."""
        return np.setdiff1d(self.arms[arm], self.fixed)


def add_outcomes(
    frame: pd.DataFrame, targets: RiskTargets, study: StudyTargets, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the cohort with overall and progression-free survival.

    Parameters
    ----------
    frame
        Patients with ``arm`` and ``matched``.
    targets
        What is to be reached.
    study
        Labels of the arms.
    rng
        Source of the times.

    Raises
    ------
    InfeasibleDrawError
        If the search ends before the targets are reached.
    """
    rows = _rows(frame, targets, study, rng)
    state = _anneal(rows, _start(rows, targets, rng), targets, rng)
    result = frame.assign(os_months=state.time, death=state.event.astype(np.int64))
    progression, progressed = np.zeros(len(frame)), np.zeros(len(frame), dtype=np.int64)
    for member, _arm, _part, table in _groups(frame, targets, study):
        progression[member], progressed[member] = _progression(
            state.time[member], state.event[member], table, rng
        )
    return result.assign(pfs_months=progression, progression_or_death=progressed)


def _groups(
    frame: pd.DataFrame, targets: RiskTargets, study: StudyTargets
) -> Iterator[tuple[IntArray, Arm, Part, RiskTable]]:
    """Yield the patients of each part of an arm with its risk table."""
    for (arm, part), table in targets.tables.items():
        matched = "yes" if part == "matched" else "no"
        member = (frame["arm"] == study.label(arm)) & (frame["matched"] == matched)
        yield np.flatnonzero(member.to_numpy(dtype=bool)), arm, part, table


def _rows(
    frame: pd.DataFrame, targets: RiskTargets, study: StudyTargets, rng: np.random.Generator
) -> _Rows:
    lower, upper = np.zeros(len(frame)), np.zeros(len(frame))
    fixed = []
    for group, arm, part, table in _groups(frame, targets, study):
        member = rng.permutation(group)
        ends = np.array([*table.months[1:], targets.longest[arm]])
        leaving = -np.diff([*table.overall, 0])
        interval = np.repeat(np.arange(len(leaving)), leaving)
        lower[member] = np.maximum(np.asarray(table.months)[interval], SHORTEST)
        upper[member] = ends[interval]
        median = targets.median[arm]
        if part == "remainder" and median in table.months:
            # The printed median is a month of the table: one death stands exactly there.
            fixed.append(int(member[interval == table.months.index(median)][0]))
    treated = np.asarray(frame["arm"] == study.label("treated"), dtype=np.float64)
    return _Rows(
        treated=treated,
        matched=(frame["matched"] == "yes").to_numpy(dtype=bool),
        arms={"treated": np.flatnonzero(treated == 1), "control": np.flatnonzero(treated == 0)},
        lower=lower,
        upper=upper,
        fixed=np.array(fixed, dtype=np.intp),
    )


def _draw_times(rows: _Rows, who: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return months within each patient's interval, its end excluded."""
    low, high = rows.lower[who], rows.upper[who] - 10.0**-TIME_DECIMALS
    drawn = np.round(rng.uniform(low, high), TIME_DECIMALS)
    return np.where(np.isin(who, rows.fixed), low, drawn)


def _start(rows: _Rows, targets: RiskTargets, rng: np.random.Generator) -> _State:
    everyone = np.arange(len(rows.treated))
    event = np.zeros(len(everyone), dtype=bool)
    event[rows.fixed] = True
    for arm in ARMS:
        free = rows.free(arm)
        left = targets.deaths[arm] - int(event[rows.arms[arm]].sum())
        event[rng.choice(free, left, replace=False)] = True
    return _State(_draw_times(rows, everyone, rng), event)


def _anneal(rows: _Rows, state: _State, targets: RiskTargets, rng: np.random.Generator) -> _State:
    free = [rows.free(arm) for arm in ARMS]

    def propose(current: _State) -> _State:
        return _proposal(rows, current, free, rng)

    def distances(current: _State) -> FloatArray:
        return _distances(rows, current, targets)

    return anneal(state, propose, distances, SCHEDULE, rng)


def _proposal(
    rows: _Rows, state: _State, free: Sequence[IntArray], rng: np.random.Generator
) -> _State:
    """Draw one time anew, or exchange the event flags of two patients of an arm."""
    pair = rng.choice(free[int(rng.integers(len(free)))], 2, replace=False)
    time, event = state.time.copy(), state.event.copy()
    if rng.random() < 0.5:
        event[pair] = event[pair[::-1]]
    else:
        time[pair[:1]] = _draw_times(rows, pair[:1], rng)
    return _State(time, event)


def _distances(rows: _Rows, state: _State, targets: RiskTargets) -> FloatArray:
    """Return how many tolerances each target is off; 0 for a median that holds."""
    distances = []
    for who, ratio in (
        (np.ones(len(rows.matched), dtype=bool), targets.hr),
        (rows.matched, targets.matched_hr),
    ):
        offset = log_hr_offset(
            rows.treated[who], state.time[who], state.event[who], float(np.log(ratio))
        )
        distances.append(float(offset[0]) * ratio / HR_TOLERANCE)
    for arm in ARMS:
        member = rows.arms[arm]
        time, event = state.time[member], state.event[member].astype(np.float64)
        order = np.lexsort((-event, time))
        alive = log_limit_curves(event[order])[1]
        wrong = distance_from_half(time[order], alive, targets.median[arm])
        distances.append(wrong / SURVIVAL_TOLERANCE)
    return np.array(distances)


def _progression(
    time: FloatArray, event: BoolArray, table: RiskTable, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Return months and events of progression-free survival that fit the risk table.

    Patients who leave in a late interval are chosen first, among those still under observation
    then. Where progression falls into the interval in which follow-up ends, every second patient
    has none before.
    """
    starts = np.asarray(table.months)
    ends = np.append(starts[1:], np.inf)
    leaving = -np.diff([*table.progression_free, 0])
    interval = np.searchsorted(starts, time, side="right") - 1
    chosen = np.full(len(time), -1)
    for late in range(len(starts) - 1, -1, -1):
        open_ = np.flatnonzero((chosen < 0) & (interval >= late))
        chosen[rng.choice(open_, leaving[late], replace=False)] = late
    latest = np.minimum(time, ends[chosen] - 10.0**-TIME_DECIMALS)
    earliest = np.minimum(np.maximum(starts[chosen], SHORTEST), latest)
    months = np.round(rng.uniform(earliest, latest), TIME_DECIMALS)
    # Rounding up must not carry progression beyond the end of follow-up.
    months = np.minimum(months, latest)
    free = (chosen == interval) & (rng.random(len(time)) < 0.5)
    return np.where(free, time, months), np.where(free, event, True).astype(np.intp)
