"""Patients and their visits to start-stop episodes, with values carried forward from each visit.

What R's ``tmerge`` does, by fixed rules:

- A patient is at risk in ``(entry, end]``; episodes are ``(start, stop]`` and cover it without gap
  or overlap. The event stands on the last episode.
- Episodes are split at every visit and at the start of treatment, where these lie inside
  ``(entry, end)``. A visit at the entry, or at the end, splits nothing.
- A value measured at t is in force on ``(t, next visit]``: what was measured on the day of an event
  cannot explain it. The last visit at or before an episode's start speaks for it.
- A value missing at a visit is that of the visit before.
- Treatment that starts at s is 1 on episodes that start at s or later. One that starts on the day
  of the event has no exposure: the patient is a control throughout. One that starts at or before
  the entry is 1 throughout.
- Times of a patient closer than :data:`hccbayes.time_zero.episode_columns.SAME_TIME` are one time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.episode_columns import (
    SAME_TIME,
    BoolArray,
    FloatArray,
    demand_columns,
    identifiers,
    named,
    number_cells,
    zero_one,
)
from hccbayes.time_zero.episode_rules import EpisodeRules

IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _Patients:
    """Follow-up as arrays, one element a patient."""

    name: pd.Series
    entry: FloatArray
    end: FloatArray
    event: FloatArray
    treatment_start: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Visits:
    """Visits by patient and time; values carried forward, shape ``(visits, covariates)``."""

    patient: IntArray
    time: FloatArray
    values: pd.DataFrame


def visit_episodes(
    patients: pd.DataFrame, visits: pd.DataFrame | None = None, rules: EpisodeRules | None = None
) -> pd.DataFrame:
    """Return start-stop episodes, split at visits and at the start of treatment.

    Parameters
    ----------
    patients
        One row a patient: end of follow-up and event; entry and start of treatment where the
        rules name them.
    visits
        One row a visit, in any order; ``None`` where nothing changes but treatment.
    rules
        Which column is what; those of a cohort's frame where it is not given.

    Returns
    -------
    pandas.DataFrame
        ``patient`` (text), ``patient_index`` (row of `patients`), ``start``, ``stop`` (the unit of
        the input; at risk in ``(start, stop]``), ``event``, ``treatment`` (0 or 1), then the
        covariates of the visits and the baseline columns. Rows follow `patients`, then time.

    Raises
    ------
    InputError
        With every fault and its patients: absent columns; identifiers that are missing, stand
        twice among the patients, or among the visits alone; times that are text, missing or
        negative; no time at risk; visits at one time; visits before the entry or after the end,
        and treatment that starts after the end, unless the rules say otherwise; time at risk
        before the first value of a covariate.
    """
    rules = EpisodeRules() if rules is None else rules
    tables = {"patients": (patients, rules.patient_columns)}
    if visits is not None:
        tables["visits"] = (visits, rules.visit_columns)
    elif rules.covariates:
        message = "covariates are asked for and there are no visits to have them from"
        raise InputError(Problem("visits", message))
    demand_columns(tables)
    if patients.empty:
        raise InputError(Problem("patients", "the table has no rows"))
    problems: list[Problem] = []
    people = _read_patients(patients, rules, problems)
    measured = _no_visits() if visits is None else _read_visits(visits, people, rules, problems)
    if problems:
        raise InputError(problems)
    people = _entering(people, measured, rules)
    return _episodes(patients, people, measured, rules)


def _read_patients(frame: pd.DataFrame, rules: EpisodeRules, problems: list[Problem]) -> _Patients:
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
    return _Patients(name, entry, end, event, np.where(np.isnan(start) | late, np.inf, start))


def _no_visits() -> _Visits:
    return _Visits(np.empty(0, dtype=np.intp), np.empty(0), pd.DataFrame())


def _read_visits(
    frame: pd.DataFrame, people: _Patients, rules: EpisodeRules, problems: list[Problem]
) -> _Visits:
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
    return _Visits(patient, time, values.reset_index(drop=True))


def _inside(
    time: FloatArray,
    patient: IntArray,
    name: pd.Series,
    people: _Patients,
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


def _entering(people: _Patients, visits: _Visits, rules: EpisodeRules) -> _Patients:
    """Return the patients with entry where all covariates are known, or raise."""
    if not rules.covariates:
        return people
    problems: list[Problem] = []
    latest = np.full(len(people.end), -np.inf)
    for covariate in rules.covariates:
        first = np.full(len(people.end), np.inf)
        known = visits.values[covariate].notna().to_numpy()
        np.minimum.at(first, visits.patient[known], visits.time[known])
        latest = np.maximum(latest, first)
        if rules.before_first == "error":
            message = (
                "is not known at entry; give a visit at or before it, or let patients enter at "
                "their first visit with before_first = 'enter'"
            )
            unknown = first > people.entry + SAME_TIME
            named(f"covariate {covariate}", message, people.name, unknown, problems)
    if rules.before_first == "enter":
        message = (
            "have no visit with every covariate known before the end of follow-up, and so no "
            "time at risk; leave them out"
        )
        named("patients", message, people.name, latest >= people.end - SAME_TIME, problems)
    if problems:
        raise InputError(problems)
    entry = np.where(latest > people.entry + SAME_TIME, latest, people.entry)
    return _Patients(people.name, entry, people.end, people.event, people.treatment_start)


def _episodes(
    frame: pd.DataFrame, people: _Patients, visits: _Visits, rules: EpisodeRules
) -> pd.DataFrame:
    patient, start, stop = _spans(people, visits)
    last = np.ones(len(patient), dtype=bool)
    last[:-1] = np.diff(patient) != 0
    columns: dict[str, object] = {
        "patient": people.name.to_numpy()[patient],
        "patient_index": patient,
        "start": start,
        "stop": stop,
        "event": np.where(last, people.event[patient], 0.0).astype(np.int64),
        "treatment": (start >= people.treatment_start[patient] - SAME_TIME).astype(np.int64),
    }
    episodes = pd.DataFrame(columns)
    if rules.covariates:
        row = _visit_in_force(patient, start, visits)
        carried = visits.values.take(row).reset_index(drop=True)
        episodes = pd.concat([episodes, carried], axis="columns")
    if rules.baseline:
        constant = frame[list(rules.baseline)].take(patient).reset_index(drop=True)
        episodes = pd.concat([episodes, constant], axis="columns")
    return episodes


def _spans(people: _Patients, visits: _Visits) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return patient, start and stop of every episode, in order."""
    everyone = np.arange(len(people.end))
    patient = np.concatenate([everyone, visits.patient, everyone])
    time = np.concatenate([people.entry, visits.time, people.treatment_start])
    # The entry itself is kept; what is not inside the follow-up splits nothing.
    is_entry = np.arange(len(time)) < len(everyone)
    inside = (time > people.entry[patient] + SAME_TIME) & (time < people.end[patient] - SAME_TIME)
    kept = np.flatnonzero(is_entry | inside)
    order = kept[np.lexsort((time[kept], patient[kept]))]
    patient, time = patient[order], time[order]
    new = np.ones(len(time), dtype=bool)
    new[1:] = (np.diff(patient) != 0) | (np.diff(time) > SAME_TIME)
    patient, start = patient[new], time[new]
    stop = people.end[patient]
    follows = np.flatnonzero(np.diff(patient) == 0)
    stop[follows] = start[follows + 1]
    return patient, start, stop


def _visit_in_force(patient: IntArray, start: FloatArray, visits: _Visits) -> IntArray:
    """Return the row of the last visit at or before each start."""
    who = np.concatenate([visits.patient, patient])
    when = np.concatenate([visits.time - SAME_TIME, start])
    is_episode = np.arange(len(who)) >= len(visits.patient)
    order = np.lexsort((is_episode, when, who))
    before = np.cumsum(~is_episode[order])
    row = np.empty(len(who), dtype=np.intp)
    row[order] = before - 1
    return row[len(visits.patient) :]


def episode_totals(episodes: pd.DataFrame, by: Sequence[str] = ("treatment",)) -> pd.DataFrame:
    """Return rows, patients, time at risk and events by treatment: what to look at first.

    Parameters
    ----------
    episodes
        From :func:`visit_episodes` or
        :func:`hccbayes.time_zero.episode_checks.check_episodes`.
    by
        Columns to count by.

    Returns
    -------
    pandas.DataFrame
        `by`, ``rows``, ``patients``, ``exposure`` (the unit of the episodes) and ``events``.
    """
    spans = episodes.assign(exposure=episodes["stop"] - episodes["start"])
    grouped = spans.groupby(list(by), as_index=False, sort=True)
    return grouped.agg(
        rows=("start", "size"),
        patients=("patient_index", "nunique"),
        exposure=("exposure", "sum"),
        events=("event", "sum"),
    )
