"""Outcomes from numbers at risk: for a study that printed nothing else of its curves.

Times are drawn within the intervals of the risk table. Which of them end in death is then searched
for: an annealing over event flags and times towards the printed median and hazard ratios, with a
chosen number of deaths. Progression is placed before the end of overall follow-up, in the intervals
of its own risk table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.frequentist.kaplan_meier import numbers_at_risk
from hccbayes.synthetic.event_times import TIME_DECIMALS
from hccbayes.synthetic.measures import TargetRow, arm_frame, exact_row, km_median
from hccbayes.synthetic.partial_likelihood import log_hr_offset
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import ARMS, Arm, InfeasibleDrawError, Part, Sample

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

STEPS: Final = 20_000
FIRST_TEMPERATURE: Final = 1000.0
COOLING: Final = 1e-6
MARGIN_OF_TOLERANCE: Final = 0.5
SHORTEST: Final = 0.3
"""Months before which no follow-up ends."""
SAFE_DISTANCE: Final = 0.005
"""Of survival from one half on either side of a median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTable:
    """Numbers at risk of one part of an arm.

    Parameters
    ----------
    months
        From 0 on.
    overall, progression_free
        Patients under observation just before each month, for overall and for progression-free
        survival.
    """

    months: tuple[float, ...]
    overall: tuple[int, ...]
    progression_free: tuple[int, ...]

    def of(self, endpoint: str) -> tuple[int, ...]:
        """Return the numbers of ``os`` or ``pfs``."""
        return self.overall if endpoint == "os" else self.progression_free


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTargets:
    """What annealing is to reach.

    Parameters
    ----------
    tables
        By arm and part.
    longest
        End of follow-up by arm.
    deaths
        By arm.
    median
        Printed median by arm; ``inf`` where the curve stays above one half.
    hr, matched_hr
        Hazard ratios, treated over control.
    tolerance
        Of both ratios.
    """

    tables: Mapping[tuple[Arm, Part], RiskTable]
    longest: Mapping[Arm, float]
    deaths: Mapping[Arm, int]
    median: Mapping[Arm, float]
    hr: float
    matched_hr: float
    tolerance: float = 1e-3


@dataclass(slots=True, eq=False)
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
    frame: pd.DataFrame, targets: RiskTargets, labels: Mapping[Arm, str], rng: np.random.Generator
) -> pd.DataFrame:
    """Return the cohort with overall and progression-free survival.

    Parameters
    ----------
    frame
        Patients with ``arm`` and ``matched``.
    targets
        What is to be reached.
    labels
        Labels of the arms.
    rng
        Source of the times.

    Raises
    ------
    InfeasibleDrawError
        If the search ends before the targets are reached.
    """
    rows = _rows(frame, targets, labels, rng)
    state = _start(rows, targets, rng)
    _anneal(rows, state, targets, rng)
    result = frame.assign(os_months=state.time, death=state.event.astype(np.int64))
    progression, progressed = np.zeros(len(frame)), np.zeros(len(frame), dtype=np.int64)
    for (arm, part), table in targets.tables.items():
        mask = (frame["arm"] == labels[arm]) & (frame["matched"] == _yes(part))
        member = np.flatnonzero(mask.to_numpy(dtype=bool))
        progression[member], progressed[member] = _progression(
            state.time[member], state.event[member], table, rng
        )
    return result.assign(pfs_months=progression, progression_or_death=progressed)


def _yes(part: Part) -> str:
    return "yes" if part == "matched" else "no"


def _rows(
    frame: pd.DataFrame, targets: RiskTargets, labels: Mapping[Arm, str], rng: np.random.Generator
) -> _Rows:
    lower, upper = np.zeros(len(frame)), np.zeros(len(frame))
    fixed = []
    for (arm, part), table in targets.tables.items():
        mask = (frame["arm"] == labels[arm]) & (frame["matched"] == _yes(part))
        member = rng.permutation(np.flatnonzero(mask.to_numpy(dtype=bool)))
        ends = np.array([*table.months[1:], targets.longest[arm]])
        leaving = -np.diff([*table.overall, 0])
        interval = np.repeat(np.arange(len(leaving)), leaving)
        lower[member] = np.maximum(np.asarray(table.months)[interval], SHORTEST)
        upper[member] = ends[interval]
        median = targets.median[arm]
        if part == "remainder" and median in table.months:
            # The printed median is a month of the table: one death stands exactly there.
            fixed.append(int(member[interval == table.months.index(median)][0]))
    treated = np.asarray(frame["arm"] == labels["treated"], dtype=np.float64)
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


def _anneal(rows: _Rows, state: _State, targets: RiskTargets, rng: np.random.Generator) -> None:
    distances = _distances(rows, state, targets)
    free = [rows.free(arm) for arm in ARMS]
    for step in range(STEPS):
        if np.abs(distances).max() < MARGIN_OF_TOLERANCE:
            return
        temperature = FIRST_TEMPERATURE * COOLING ** (step / STEPS)
        proposal = _propose(rows, state, free, rng)
        proposed = _distances(rows, proposal, targets)
        rise = float(proposed @ proposed - distances @ distances)
        if rise < 0 or rng.random() < np.exp(-rise / temperature):
            state.time, state.event, distances = proposal.time, proposal.event, proposed
    raise InfeasibleDrawError("the risk tables do not lead to the printed hazard ratios")


def _propose(
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
        distances.append(float(offset[0]) * ratio / targets.tolerance)
    for arm in ARMS:
        member = rows.arms[arm]
        distances.append(
            _median_distance(state.time[member], state.event[member], targets.median[arm])
        )
    return np.array(distances)


def _median_distance(time: FloatArray, event: BoolArray, median: float) -> float:
    """Return by how much survival is on the wrong side of one half, in safe distances."""
    order = np.argsort(time)
    clock, died = time[order], event[order]
    # Without ties, which are rare and asked about afterwards, one death among n takes 1 / n.
    alive = np.cumprod(1.0 - died / np.arange(len(clock), 0, -1))
    before = np.searchsorted(clock, median, side="left")
    at = np.searchsorted(clock, median, side="right")
    wrong = max(0.5 + SAFE_DISTANCE - float(alive[before - 1]), 0.0)
    if np.isfinite(median):
        wrong += max(float(alive[at - 1]) - 0.5 + SAFE_DISTANCE, 0.0)
    return wrong / SAFE_DISTANCE


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


def risk_rows(
    frame: pd.DataFrame, targets: RiskTargets, study: StudyTargets
) -> Iterator[TargetRow]:
    """Yield deaths, medians and numbers at risk as rows of a manifest."""
    for arm in ARMS:
        part = arm_frame(study, frame, arm, "all")
        deaths = targets.deaths[arm]
        yield exact_row("events", "os", "all", arm, deaths, part["death"].sum(), "invented")
        yield exact_row(
            "median", "os", "all", arm, targets.median[arm], km_median(part, "os").estimate
        )
        yield from _at_risk_rows(frame, targets, study, arm)


def _at_risk_rows(
    frame: pd.DataFrame, targets: RiskTargets, study: StudyTargets, arm: Arm
) -> Iterator[TargetRow]:
    samples: tuple[Sample, Sample] = ("all", "matched")
    for sample in samples:
        tables = [targets.tables[arm, "matched"]]
        if sample == "all":
            tables.append(targets.tables[arm, "remainder"])
        rows = arm_frame(study, frame, arm, sample)
        for name in ("os", "pfs"):
            end = rows[f"{name}_months"].to_numpy(dtype=np.float64)
            at_risk = numbers_at_risk(np.zeros_like(end), end, tables[0].months)
            for index, month in enumerate(tables[0].months):
                target = sum(table.of(name)[index] for table in tables)
                item = f"{name}: month {month:g}"
                yield exact_row("at risk", item, sample, arm, target, at_risk[index])
