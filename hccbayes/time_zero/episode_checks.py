"""Start-stop rows that a user brings, checked with every fault named by patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.episode_columns import (
    SAME_TIME,
    BoolArray,
    FloatArray,
    demand_columns,
    identifiers,
    named,
    named_cells,
    number_cells,
    zero_one,
)
from hccbayes.time_zero.episode_rules import EPISODE_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeColumns:
    """Which column of start-stop rows is what, and what they may do.

    Parameters
    ----------
    patient, start, stop, event
        Identifier; ends of the episode, at risk in ``(start, stop]``; 1 where it ends with the
        event.
    treatment
        0 or 1; ``None`` where there is none, which gives 0 throughout.
    covariates
        Columns kept under their own names; none may be missing.
    allow_gaps
        Whether a patient may be out of observation between two episodes, and be at risk again.
    allow_stopping
        Whether treatment may go back from 1 to 0.
    """

    patient: str = "patient"
    start: str = "start"
    stop: str = "stop"
    event: str = "event"
    treatment: str | None = "treatment"
    covariates: tuple[str, ...] = ()
    allow_gaps: bool = False
    allow_stopping: bool = False

    def __post_init__(self) -> None:
        """Refuse covariates under a name that means another column of the episodes."""
        problems = [
            Problem(f"covariate {name}", "is a column of every episode; rename the covariate")
            for name in self.covariates
            if name in EPISODE_NAMES
        ]
        if problems:
            raise InputError(problems)

    @property
    def used(self) -> tuple[str, ...]:
        """Columns that must be there."""
        treatment = () if self.treatment is None else (self.treatment,)
        return (self.patient, self.start, self.stop, self.event, *treatment, *self.covariates)


def check_episodes(frame: pd.DataFrame, columns: EpisodeColumns | None = None) -> pd.DataFrame:
    """Return start-stop rows in order under the names of the package, or name every fault.

    Parameters
    ----------
    frame
        One row an episode, in any order; left as it is.
    columns
        Which column is what; the package's own names where it is not given.

    Returns
    -------
    pandas.DataFrame
        ``patient`` (text), ``patient_index`` (0, 1, ... in order of appearance), ``start``,
        ``stop`` (the unit of the input), ``event``, ``treatment``, then the covariates; sorted by
        patient and time. A start that differs by rounding from the stop before it is set to that.

    Raises
    ------
    InputError
        With every fault and its patients: absent columns; missing values; times that are text or
        negative; an episode without length; episodes that overlap, or leave a gap that is not
        allowed; an event before the last episode, or more than one; treatment that stops.
    """
    columns = EpisodeColumns() if columns is None else columns
    demand_columns({"episodes": (frame, columns.used)})
    if frame.empty:
        raise InputError(Problem("episodes", "the table has no rows"))
    problems: list[Problem] = []
    rows = _read(frame, columns, problems)
    rows = rows.sort_values(["patient_index", "start", "stop"], kind="stable")
    rows = rows.reset_index(drop=True)
    for found in _FAULTS:
        mask, message = found(rows, columns)
        named("episodes", message, rows["patient"], mask, problems)
    if problems:
        raise InputError(problems)
    follows = _follows(rows)
    before = rows["stop"].shift()
    near = follows & ((rows["start"] - before).abs() <= SAME_TIME).to_numpy()
    rows["start"] = rows["start"].mask(near, before)
    return rows.astype({"event": "int64", "treatment": "int64"})


def _read(frame: pd.DataFrame, columns: EpisodeColumns, problems: list[Problem]) -> pd.DataFrame:
    name = identifiers(frame[columns.patient], "episodes", problems)

    def column(column: str) -> FloatArray:
        return number_cells(frame[column], name, f"column {column}", problems)

    start, stop, event = column(columns.start), column(columns.stop), column(columns.event)
    zero_one(event, name, f"column {columns.event}", problems)
    treatment = np.zeros(len(frame))
    if columns.treatment is not None:
        treatment = column(columns.treatment)
        zero_one(treatment, name, f"column {columns.treatment}", problems)
    rows = pd.DataFrame(
        {
            "patient": name,
            "patient_index": pd.factorize(name)[0],
            "start": start,
            "stop": stop,
            "event": event,
            "treatment": treatment,
        }
    )
    for covariate in columns.covariates:
        values = frame[covariate].reset_index(drop=True)
        named_cells(f"column {covariate}", "is missing", name, values.isna(), problems)
        rows[covariate] = values
    return rows


def _follows(rows: pd.DataFrame) -> BoolArray:
    """Return which rows are of the patient of the row before; rows without identifier never."""
    patient = rows["patient_index"]
    return ((patient == patient.shift()) & (rows["patient"] != "")).to_numpy()


def _negative(rows: pd.DataFrame, _: EpisodeColumns) -> tuple[BoolArray, str]:
    return (rows["start"] < 0).to_numpy(), "patients have an episode that starts before time 0"


def _without_length(rows: pd.DataFrame, _: EpisodeColumns) -> tuple[BoolArray, str]:
    empty = rows["stop"] <= rows["start"] + SAME_TIME
    return empty.to_numpy(), "patients have an episode whose stop is not after its start"


def _latest_stop(rows: pd.DataFrame) -> pd.Series:
    """Return the latest stop of the patient's rows before."""
    patient = rows["patient_index"]
    return rows["stop"].groupby(patient).cummax().groupby(patient).shift()


def _overlapping(rows: pd.DataFrame, _: EpisodeColumns) -> tuple[BoolArray, str]:
    overlap = _follows(rows) & (rows["start"] < _latest_stop(rows) - SAME_TIME).to_numpy()
    message = "patients have episodes that overlap, so that they are at risk twice at one time"
    return overlap, message


def _gapped(rows: pd.DataFrame, columns: EpisodeColumns) -> tuple[BoolArray, str]:
    gap = _follows(rows) & (rows["start"] > _latest_stop(rows) + SAME_TIME).to_numpy()
    message = (
        "patients have a gap between two episodes; correct the times, or, where patients were out "
        "of observation meanwhile, say so with allow_gaps"
    )
    return gap & (not columns.allow_gaps), message


def _early_event(rows: pd.DataFrame, _: EpisodeColumns) -> tuple[BoolArray, str]:
    followed = np.zeros(len(rows), dtype=bool)
    followed[:-1] = _follows(rows)[1:]
    message = "patients are at risk after their event; it belongs to the last episode"
    return followed & (rows["event"] == 1).to_numpy(), message


def _two_events(rows: pd.DataFrame, _: EpisodeColumns) -> tuple[BoolArray, str]:
    count = (rows["event"] == 1).groupby(rows["patient_index"]).transform("sum")
    again = (rows["event"] == 1) & (count > 1) & (rows["patient"] != "")
    return again.to_numpy(), "patients have more than one event; one a patient is analyzed"


def _stopping(rows: pd.DataFrame, columns: EpisodeColumns) -> tuple[BoolArray, str]:
    back = (rows["treatment"] == 0) & (rows["treatment"].shift() == 1)
    message = (
        "patients have treatment that goes back from 1 to 0; once treated they stay in that "
        "group, or say so with allow_stopping"
    )
    return _follows(rows) & back.to_numpy() & (not columns.allow_stopping), message


_FAULTS: Final[tuple[Callable[[pd.DataFrame, EpisodeColumns], tuple[BoolArray, str]], ...]] = (
    _negative,
    _without_length,
    _overlapping,
    _gapped,
    _early_event,
    _two_events,
    _stopping,
)
"""Rows with a fault and what is said of their patients; in the order of the problems."""
