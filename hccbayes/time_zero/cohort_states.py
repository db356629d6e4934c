"""Who is alive on treatment, alive and counted as treated before it, dead or censored, by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from hccbayes.arms import BoolArray, FloatArray
from hccbayes.errors import InputError, Problem

ON_TREATMENT: Final = "on treatment"
IMMORTAL: Final = "immortal"
UNTREATED: Final = "untreated"
NOT_ENTERED: Final = "not yet entered"
CENSORED: Final = "censored"
DEAD: Final = "dead"
STATES: Final = (ON_TREATMENT, IMMORTAL, UNTREATED, NOT_ENTERED, CENSORED, DEAD)
"""States in the order of the table and, from below, of the figure."""
NEEDED: Final = ("patient", "entry", "time", "event", "treatment", "treatment_start")
"""Columns that these tables and the figures of single patients read."""
_FINE: Final = 0.25
"""Months between the default times: a week or so, for treatment that starts within the first."""
_COARSE: Final = 1.0
_LONG: Final = 60.0
"""Months of follow-up beyond which the default times are the coarse ones."""


class _Course(NamedTuple):
    """One value a patient; months, infinite where treatment never began."""

    entry: FloatArray
    end: FloatArray
    start: FloatArray
    died: BoolArray
    labeled: BoolArray


def check_courses(frame: pd.DataFrame) -> None:
    """Refuse a frame from which nobody could tell when each patient was treated.

    Parameters
    ----------
    frame
        A cohort's frame; columns :data:`NEEDED`, times in months.

    Raises
    ------
    InputError
        If a column is absent, there is no patient, a patient of the treated arm has no start of
        treatment, or treatment begins after the end of follow-up; with the patients.
    """
    absent = [name for name in NEEDED if name not in frame]
    if absent == ["treatment_start"]:
        message = (
            "is absent: without the time at which each patient's treatment began, nobody can say "
            "how much of the follow-up was immortal"
        )
        raise InputError(Problem("column treatment_start", message))
    if absent:
        raise InputError(Problem("cohort's frame", f"has no column {', '.join(absent)}"))
    if frame.empty:
        raise InputError(Problem("cohort's frame", "has no row"))
    start = frame["treatment_start"]
    began = pd.Series(np.isfinite(start.to_numpy(dtype=np.float64)), index=frame.index)
    rules = {
        "is missing for patients of the treated arm": (frame["treatment"] == 1) & ~began,
        "lies after the end of follow-up": began & (start > frame["time"]),
    }
    problems = [
        Problem("column treatment_start", message, tuple(frame.loc[wrong, "patient"].astype(str)))
        for message, wrong in rules.items()
        if wrong.any()
    ]
    if problems:
        raise InputError(problems)


def state_shares(frame: pd.DataFrame, *, times: Sequence[float] | None = None) -> pd.DataFrame:
    """Return which share of the cohort is in which state at each time since time zero.

    A patient with entry ``e``, end of follow-up ``T`` and start of treatment ``s`` is at time ``t``

    - ``not yet entered`` if ``t < e``;
    - ``on treatment`` if ``e <= t < T`` and ``s <= t``, whatever the arm;
    - ``immortal`` if ``e <= t < T``, ``s > t`` and the arm is the treated one: the patient is
      counted as treated, and cannot die, for a death before ``s`` would have made a control;
    - ``untreated`` if ``e <= t < T``, not treated so far and of the control arm;
    - ``censored`` or ``dead`` from ``T`` on.

    The table holds no patient, and its times are a grid and not the patients' own.

    Parameters
    ----------
    frame
        A cohort's frame: ``patient``, ``entry``, ``time``, ``event``, ``treatment`` and
        ``treatment_start`` (months; infinite or ``nan`` for patients never treated).
    times
        Months since time zero, increasing; every quarter of a month to the end of follow-up
        without it, every month where the follow-up is longer than five years.

    Returns
    -------
    pandas.DataFrame
        ``state`` (of :data:`STATES`), ``time`` (months) and ``share``; the shares of a time add up
        to 1. States come in the order of :data:`STATES`, ``not yet entered`` only where somebody
        enters late. Attributes ``patients``, ``treated_patients``, ``treated_months``
        (person-months of the treated arm), ``immortal_months`` (those before treatment) and, where
        the frame has it, ``synthetic``.

    Raises
    ------
    InputError
        If a column is absent, a treated patient has no start of treatment, treatment begins after
        the end of follow-up, or the times do not increase from 0 or later.
    """
    check_courses(frame)
    course = _course(frame)
    grid = _grid(times, float(course.end.max()))
    inside = _states(course, grid)
    names = [name for name in STATES if name != NOT_ENTERED or (course.entry > 0).any()]
    table = pd.DataFrame(
        {
            "state": np.repeat(names, grid.size),
            "time": np.tile(grid, len(names)),
            "share": np.concatenate([inside[name].mean(axis=0) for name in names]),
        }
    )
    waited = np.clip(course.start, course.entry, course.end) - course.entry
    table.attrs = {
        "patients": len(frame),
        "treated_patients": int(course.labeled.sum()),
        "treated_months": float((course.end - course.entry)[course.labeled].sum()),
        "immortal_months": float(waited[course.labeled].sum()),
    }
    if frame.attrs.get("synthetic"):
        table.attrs["synthetic"] = frame.attrs["synthetic"]
    return table


def _course(frame: pd.DataFrame) -> _Course:
    entry, end, start, died, label = (
        frame[name].to_numpy(dtype=np.float64)
        for name in ("entry", "time", "treatment_start", "event", "treatment")
    )
    start = np.where(np.isfinite(start), start, np.inf)
    return _Course(entry=entry, end=end, start=start, died=died == 1, labeled=label == 1)


def _states(course: _Course, grid: FloatArray) -> dict[str, BoolArray]:
    """Return whether each patient (rows) is in each state at each time (columns)."""
    end, died, labeled = course.end[:, None], course.died[:, None], course.labeled[:, None]
    entered = grid >= course.entry[:, None]
    followed = entered & (grid < end)
    treated = course.start[:, None] <= grid
    return {
        ON_TREATMENT: followed & treated,
        IMMORTAL: followed & ~treated & labeled,
        UNTREATED: followed & ~treated & ~labeled,
        NOT_ENTERED: ~entered,
        CENSORED: (grid >= end) & ~died,
        DEAD: (grid >= end) & died,
    }


def _grid(times: Sequence[float] | None, end: float) -> FloatArray:
    if times is None:
        step = _FINE if end <= _LONG else _COARSE
        return np.arange(0.0, np.ceil(end / step) + 1.0) * step
    grid = np.asarray(times, dtype=np.float64)
    if not (grid.ndim == 1 and grid.size and grid[0] >= 0 and (np.diff(grid) > 0).all()):
        raise InputError(Problem("times", "must be months that increase from 0 or later"))
    return grid
