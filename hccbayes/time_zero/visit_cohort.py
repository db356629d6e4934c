"""One row a visit to one row a patient: time zero, history before it, treatment added after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hccbayes import defaults
from hccbayes.cohort.checks import counted
from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.dates import find_dates
from hccbayes.time_zero.episode_columns import (
    demand_columns,
    identifiers,
    number_cells,
    zero_one,
)
from hccbayes.time_zero.seen_visits import VisitFinding
from hccbayes.time_zero.visit_findings import findings_frame, visit_findings
from hccbayes.time_zero.visit_rules import VisitRules


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VisitCohort:
    """Patients from time zero on, and what was found in their visits.

    Parameters
    ----------
    frame
        One row a patient who had the index treatment, in the order of the file: the identifier,
        ``time_zero`` (day), ``start_year``, ``days_since_first_visit``, ``follow_up_months``, the
        event, days and months from time zero to the first added treatment on or after it (empty
        for never), ``naive_arm``, the covariates as of time zero, the counts of history.
    findings
        What is odd in the visits and what was done about it; holds identifiers, in memory only.
    rules
        How the cohort was made.
    date_layout
        How the dates were written.
    patients_read, visits_read
        What the file held.
    notes
        Sentences to be read before a number is quoted.
    """

    frame: pd.DataFrame
    findings: tuple[VisitFinding, ...]
    rules: VisitRules
    date_layout: str
    patients_read: int
    visits_read: int
    notes: tuple[str, ...]

    def findings_table(self, *, examples: bool = False) -> pd.DataFrame:
        """Return one row a finding with counts; with some patients' identifiers if asked for.

        Parameters
        ----------
        examples
            Whether to name patients: for the analyst's screen, not for a report.
        """
        return findings_frame(self.findings, examples=examples)


def cohort_from_visits(visits: pd.DataFrame, rules: VisitRules) -> VisitCohort:
    """Return the patients from their first visit with the index treatment on.

    - Visits of a patient on one day are one visit: a treatment was given if any row says so, all
      else is as in the last row.
    - A visit with negative follow-up is after the end and is not used.
    - Follow-up and event are as the visit at time zero states them.
    - History counts days with a treatment before time zero; a treatment at time zero itself is
      not history.
    - An added treatment after the end of follow-up counts as never given.
    - The added treatment within the window makes ``naive_arm``. That is known only later than
      time zero, so the arm carries immortal time: it is there to be compared with a design.

    Parameters
    ----------
    visits
        One row a visit, in any order.
    rules
        Which column is what.

    Returns
    -------
    VisitCohort
        The cohort; faults that leave it well defined are among its findings.

    Raises
    ------
    InputError
        With every fault that leaves it undefined, and its patients: absent columns, identifiers
        or dates that are missing or cannot be read, text among numbers, treatments or events
        other than 0 and 1, nobody with the index treatment.
    """
    demand_columns({"visits": (visits, rules.used)})
    if visits.empty:
        raise InputError(Problem("visits", "the table has no rows"))
    problems: list[Problem] = []
    table, layout = _read(visits, rules, problems)
    if problems:
        raise InputError(problems)
    during = _one_visit_a_day(table[table["follow_up_days"] >= 0], rules)
    at_zero = during[during[rules.index_treatment] == 1].drop_duplicates("patient")
    if at_zero.empty:
        message = "is given at no visit before the end of follow-up, so nobody has a time zero"
        raise InputError(Problem(f"column {rules.index_treatment}", message))
    added = _added_days(during, at_zero, rules)
    frame = _cohort_frame(during, at_zero, added, rules)
    return VisitCohort(
        frame=frame,
        findings=visit_findings(table, at_zero, added, rules),
        rules=rules,
        date_layout=layout,
        patients_read=table["patient"].nunique(),
        visits_read=len(table),
        notes=_notes(frame, rules),
    )


def _read(
    visits: pd.DataFrame, rules: VisitRules, problems: list[Problem]
) -> tuple[pd.DataFrame, str]:
    """Return the visits with ``patient``, ``date``, ``follow_up_days`` and numbers beside them."""
    table = visits.reset_index(drop=True).copy()
    patient = identifiers(table[rules.patient], f"column {rules.patient}", problems)
    dates = find_dates(
        table[rules.date], patient, problems, name=rules.date, layout=rules.date_layout
    )
    for column in (*rules.treatments, rules.event):
        where = f"column {column}"
        table[column] = number_cells(table[column], patient, where, problems)
        zero_one(table[column].to_numpy(), patient, where, problems)
    where = f"column {rules.follow_up}"
    days = number_cells(table[rules.follow_up], patient, where, problems) * rules.days_per_unit
    checked = [name for pair in rules.zero_together for name in pair]
    for column in dict.fromkeys([*checked, *([] if rules.age is None else [rules.age])]):
        number_cells(table[column], patient, f"column {column}", problems, missing=True)
    table = table.assign(patient=patient, date=dates.values, follow_up_days=days)
    return table, dates.layout


def _one_visit_a_day(table: pd.DataFrame, rules: VisitRules) -> pd.DataFrame:
    """Return visits by patient, in the order of the file, and day; one a day."""
    order = pd.factorize(table["patient"])[0]
    ordered = table.assign(_order=order).sort_values(["_order", "date"], kind="stable")
    day = ordered.groupby(["_order", "date"], sort=False)
    last = ~ordered.duplicated(["_order", "date"], keep="last")
    given = {name: day[name].transform("max") for name in rules.treatments}
    return ordered.assign(**given)[last].drop(columns="_order").reset_index(drop=True)


def _added_days(during: pd.DataFrame, at_zero: pd.DataFrame, rules: VisitRules) -> pd.Series:
    """Return days from time zero to the added treatment by patient, whether or not it is late."""
    zero = during["patient"].map(at_zero.set_index("patient")["date"])
    given = during[(during[rules.added_treatment] == 1) & (during["date"] >= zero)]
    first = given.groupby("patient")["date"].min()
    ids = pd.Index(at_zero["patient"])
    days = (first.reindex(ids) - pd.Series(at_zero["date"].to_numpy(), index=ids)).dt.days
    return days.astype("float64")


def _cohort_frame(
    during: pd.DataFrame, at_zero: pd.DataFrame, added: pd.Series, rules: VisitRules
) -> pd.DataFrame:
    ids = pd.Index(at_zero["patient"])
    zero = pd.Series(at_zero["date"].to_numpy(), index=ids)
    first = during.groupby("patient")["date"].min().reindex(ids)
    follow_up = at_zero["follow_up_days"].to_numpy()
    days = added.where(added <= follow_up)
    with_added, without = rules.arm_labels
    columns: dict[str, object] = {
        rules.patient: ids.to_numpy(),
        "time_zero": zero.to_numpy(),
        "start_year": zero.dt.year.to_numpy(dtype=np.int64),
        "days_since_first_visit": (zero - first).dt.days.to_numpy(),
        "follow_up_months": follow_up * defaults.MONTHS_PER_UNIT["days"],
        rules.event: at_zero[rules.event].to_numpy(dtype=np.int64),
        rules.days_to_added: days.to_numpy(),
        rules.months_to_added: days.to_numpy() * defaults.MONTHS_PER_UNIT["days"],
        "naive_arm": np.where(days <= rules.window_days, with_added, without),
    }
    columns |= {name: at_zero[name].to_numpy() for name in rules.covariates}
    before = during[during["date"] < during["patient"].map(zero)]
    for treatment, name in rules.history:
        count = before.groupby("patient")[treatment].sum().reindex(ids, fill_value=0)
        columns[name] = count.to_numpy(dtype=np.int64)
    return pd.DataFrame(columns)[list(rules.output_columns)]


def _notes(frame: pd.DataFrame, rules: VisitRules) -> tuple[str, ...]:
    """Return what the naive arm takes from the future, in numbers."""
    window = rules.window_days
    with_added = frame["naive_arm"] == rules.arm_labels[0]
    later = int((with_added & (frame[rules.days_to_added] > 0)).sum())
    months = window * defaults.MONTHS_PER_UNIT["days"]
    short = ~with_added & (frame["follow_up_months"] <= months)
    died = int((short & (frame[rules.event] == 1)).sum())
    return (
        f"naive_arm looks {window:g} days past time zero and carries immortal time: "
        f"{later} of {counted(int(with_added.sum()), 'patient')} in `{rules.arm_labels[0]}` had "
        f"{rules.added_treatment} after time zero and were certain to live until then, while "
        f"{died} died in the window without it and count for `{rules.arm_labels[1]}`. Use a "
        f"design with {rules.months_to_added} as the start of treatment.",
    )
