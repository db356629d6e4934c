"""Patients and visits as arrays, checked before episodes are made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.errors import Problem
from hccbayes.time_zero.episode_columns import (
    SAME_TIME,
    BoolArray,
    FloatArray,
    identifiers,
    named,
    number_cells,
    zero_one,
)
from hccbayes.time_zero.episode_rules import EpisodeRules

IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class FollowedPatients:
    """Follow-up as arrays, one element a patient."""

    name: pd.Series
    entry: FloatArray
    end: FloatArray
    event: FloatArray
    treatment_start: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class OrderedVisits:
    """Visits by patient and time; values carried forward, shape ``(visits, covariates)``."""

    patient: IntArray
    time: FloatArray
    values: pd.DataFrame


def read_patients(
    frame: pd.DataFrame, rules: EpisodeRules, problems: list[Problem]
) -> FollowedPatients:
    """Return follow-up as arrays, adding problems to a list."""
    name = identifiers(frame[rules.patient], "patients", problems)
    twice = name.duplicated() & (name != "")
    named(
        "patients", "stand in more than one row; one row a patient is needed", name, twice, problems
    )

    def column(column: str | None, default: float, *, missing: bool = False) -> FloatArray:
        if column is None:
            return np.full(len(frame), default)
        where = f"patients, column {column}"
        return number_cells(frame[column], name, where, problems, missing=missing)

    entry, end = column(rules.entry, 0.0), column(rules.end, np.nan)
    event, start = column(rules.event, 0.0), column(rules.treatment_start, np.nan, missing=True)
    zero_one(event, name, f"patients, column {rules.event}", problems)
    named("patients", f"{rules.entry} is before time 0", name, entry < 0, problems)
    message = (
        f"were never at risk: {rules.end} is not after "
        f"{'time 0' if rules.entry is None else rules.entry}"
    )
    named("patients", message, name, end <= entry + SAME_TIME, problems)
    late = start > end + SAME_TIME
    if rules.after_end == "error":
        message = (
            f"{rules.treatment_start} is after {rules.end}; correct the dates, or take these "
            "for never treated in the follow-up with after_end = 'drop'"
        )
        named("patients", message, name, late, problems)
    return FollowedPatients(
        name, entry, end, event, np.where(np.isnan(start) | late, np.inf, start)
    )


def no_visits() -> OrderedVisits:
    """Return visits where there are none."""
    return OrderedVisits(np.empty(0, dtype=np.intp), np.empty(0), pd.DataFrame())


def read_visits(
    frame: pd.DataFrame, people: FollowedPatients, rules: EpisodeRules, problems: list[Problem]
) -> OrderedVisits:
    """Return the visits in order, with values carried forward."""
    name = identifiers(frame[rules.patient], "visits", problems)
    time = number_cells(
        frame[rules.visit_time], name, f"visits, column {rules.visit_time}", problems
    )
    known = people.name.drop_duplicates()
    patient = pd.Index(known).get_indexer(pd.Index(name))
    patient = np.where(patient >= 0, known.index.to_numpy()[patient], -1)
    named(
        "visits", "are of nobody among the patients", name, (patient < 0) & (name != ""), problems
    )
    use = (patient >= 0) & ~np.isnan(time)
    use &= _inside(time, patient, name, people, rules, problems)
    rows = np.flatnonzero(use)
    rows = rows[np.lexsort((time[rows], patient[rows]))]
    patient, time = patient[rows], time[rows]
    same = np.zeros(len(rows), dtype=bool)
    same[1:] = (np.diff(patient) == 0) & (np.diff(time) <= SAME_TIME)
    message = "patients have more than one visit at one time; keep one"
    named("visits", message, name.to_numpy()[rows], same, problems)
    values = frame[list(rules.covariates)].reset_index(drop=True).iloc[rows]
    if len(values) and values.isna().to_numpy().any():
        values = values.groupby(patient).ffill()
    return OrderedVisits(patient, time, values.reset_index(drop=True))


def _inside(
    time: FloatArray,
    patient: IntArray,
    name: pd.Series,
    people: FollowedPatients,
    rules: EpisodeRules,
    problems: list[Problem],
) -> BoolArray:
    """Return which visits are taken into account; those outside follow-up may be problems."""
    theirs = patient >= 0
    early = theirs & (time < people.entry[patient] - SAME_TIME)
    late = theirs & (time > people.end[patient] + SAME_TIME)
    if rules.before_entry == "error":
        message = (
            "patients have a visit before their entry; correct the dates, or take its values for "
            "those at entry with before_entry = 'use'"
        )
        named("visits", message, name, early, problems)
    if rules.after_end == "error":
        message = (
            f"patients have a visit after the end of follow-up ({rules.end}); correct the dates, "
            "or leave such visits out with after_end = 'drop'"
        )
        named("visits", message, name, late, problems)
    return ~late
