"""Which column of a table of visits is what, and how a cohort is made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hccbayes import defaults
from hccbayes.errors import InputError, Problem

MADE = ("time_zero", "start_year", "days_since_first_visit", "follow_up_months", "naive_arm")
"""Columns of the cohort that are named here, beside ``days_to_...`` and ``months_to_...``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRules:
    """How one row a visit becomes one row a patient.

    Parameters
    ----------
    index_treatment
        0/1 column: given at the visit. Time zero is the first visit with it.
    added_treatment
        0/1 column of the treatment whose addition is studied.
    follow_up
        Time from the visit to death or last contact.
    event
        1 if the patient died at the end of follow-up, 0 otherwise; the same at every visit.
    patient, date
        Identifier and day of the visit.
    follow_up_unit
        ``days``, ``weeks``, ``months`` or ``years``.
    covariates
        Columns taken as of the visit at time zero.
    history
        Pairs of a 0/1 treatment column and the name of the count of earlier days with it.
    window_days
        Days after time zero within which the added treatment makes the naive arm.
    arms
        Labels of the naive arm with and without the added treatment; made of the columns' names
        where empty.
    age
        The column of age in years, for checks; ``None`` where there is none.
    zero_together
        Pairs of columns of which one cannot be 0 where the other is not, such as the number of
        lesions and the diameter of the largest.
    date_layout
        How dates are written, where the data cannot tell (:func:`hccbayes.time_zero.dates`).
    """

    index_treatment: str
    added_treatment: str
    follow_up: str
    event: str
    patient: str = "patient_id"
    date: str = "visit_date"
    follow_up_unit: str = "days"
    covariates: tuple[str, ...] = ()
    history: tuple[tuple[str, str], ...] = ()
    window_days: float = 90.0
    arms: tuple[str, str] | None = None
    age: str | None = None
    zero_together: tuple[tuple[str, str], ...] = ()
    date_layout: str = ""

    def __post_init__(self) -> None:
        """Refuse rules that contradict themselves."""
        problems = []
        if self.index_treatment == self.added_treatment:
            message = f"`{self.added_treatment}` cannot be the index treatment and the added one"
            problems.append(Problem("added_treatment", message))
        if self.follow_up_unit not in defaults.MONTHS_PER_UNIT:
            known = ", ".join(defaults.MONTHS_PER_UNIT)
            message = f"unknown unit {self.follow_up_unit!r}; choose from {known}"
            problems.append(Problem("follow_up_unit", message))
        if not (math.isfinite(self.window_days) and self.window_days >= 0):
            problems.append(Problem("window_days", "must be a number of days of at least 0"))
        if self.arms is not None and len(set(self.arms)) != 2:
            problems.append(Problem("arms", f"needs two different labels, got {self.arms}"))
        taken = [*self.output_columns]
        for name in dict.fromkeys(name for name in taken if taken.count(name) > 1):
            message = f"the cohort would have two columns `{name}`; rename one"
            problems.append(Problem("covariates and history", message))
        own = {"patient": self.patient, "date": self.date, "follow_up_days": self.follow_up}
        for name, column in own.items():
            if name in self.used and name != column:
                message = f"is read as `{name}` of the package; rename the column"
                problems.append(Problem(f"column {name}", message))
        if problems:
            raise InputError(problems)

    @property
    def treatments(self) -> tuple[str, ...]:
        """Every 0/1 treatment column, once."""
        names = (self.index_treatment, self.added_treatment, *(name for name, _ in self.history))
        return tuple(dict.fromkeys(names))

    @property
    def used(self) -> tuple[str, ...]:
        """Columns the visits must have."""
        age = () if self.age is None else (self.age,)
        pairs = (name for pair in self.zero_together for name in pair)
        own = (self.patient, self.date, self.follow_up, self.event)
        return tuple(dict.fromkeys((*own, *self.treatments, *self.covariates, *age, *pairs)))

    @property
    def days_to_added(self) -> str:
        """Name of the days from time zero to the added treatment."""
        return f"days_to_{self.added_treatment}"

    @property
    def months_to_added(self) -> str:
        """Name of the same in months: the start of treatment of a design."""
        return f"months_to_{self.added_treatment}"

    @property
    def arm_labels(self) -> tuple[str, str]:
        """Labels of the naive arm with and without the added treatment."""
        return self.arms or (f"{self.added_treatment}+{self.index_treatment}", self.index_treatment)

    @property
    def output_columns(self) -> tuple[str, ...]:
        """Columns of the cohort, in order."""
        made = (*MADE[:4], self.event, self.days_to_added, self.months_to_added, MADE[4])
        counts = (name for _, name in self.history)
        return (self.patient, *made, *self.covariates, *counts)

    @property
    def days_per_unit(self) -> float:
        """Days of one unit of follow-up."""
        months = defaults.MONTHS_PER_UNIT
        return months[self.follow_up_unit] / months["days"]
