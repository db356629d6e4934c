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

import numpy as np
import pandas as pd

from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.episode_columns import (
    SAME_TIME,
    FloatArray,
    demand_columns,
    named,
)
from hccbayes.time_zero.episode_input import (
    FollowedPatients,
    IntArray,
    OrderedVisits,
    no_visits,
    read_patients,
    read_visits,
)
from hccbayes.time_zero.episode_rules import EpisodeRules


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
    people = read_patients(patients, rules, problems)
    measured = no_visits() if visits is None else read_visits(visits, people, rules, problems)
    if problems:
        raise InputError(problems)
    people = _entering(people, measured, rules)
    return _episodes(patients, people, measured, rules)


def _entering(
    people: FollowedPatients, visits: OrderedVisits, rules: EpisodeRules
) -> FollowedPatients:
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
    return FollowedPatients(people.name, entry, people.end, people.event, people.treatment_start)


def _episodes(
    frame: pd.DataFrame, people: FollowedPatients, visits: OrderedVisits, rules: EpisodeRules
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


def _spans(
    people: FollowedPatients, visits: OrderedVisits
) -> tuple[IntArray, FloatArray, FloatArray]:
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


def _visit_in_force(patient: IntArray, start: FloatArray, visits: OrderedVisits) -> IntArray:
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
