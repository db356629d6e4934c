"""Which column of patients and visits is what, and what is done where they do not meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hccbayes.errors import InputError, Problem

BeforeFirst = Literal["error", "enter"]
BeforeEntry = Literal["error", "use"]
AfterEnd = Literal["error", "drop"]

EPISODE_NAMES = ("patient", "patient_index", "start", "stop", "event", "treatment")
"""Columns of every table of episodes, in order; covariates follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRules:
    """Which column is what, and what is done where visits and follow-up do not meet.

    The names are those of a cohort's frame, so that ``EpisodeRules()`` reads one.

    Parameters
    ----------
    patient
        Identifier, in both tables.
    entry
        Delayed entry; ``None`` where everyone is at risk from time 0.
    end
        End of follow-up.
    event
        1 where follow-up ends with the event, 0 otherwise.
    treatment_start
        When treatment started, empty for never; ``None`` where treatment is not of interest and
        is 0 throughout.
    visit_time
        When a visit was, on the clock of the patients' times.
    covariates
        Columns of the visits that are carried forward.
    baseline
        Columns of the patients that stand unchanged in every episode.
    before_first
        What happens to time at risk before the first value of a covariate: ``error``, or
        ``enter``, by which a patient enters at the first visit at which all covariates are known.
    before_entry
        A visit before the patient's entry: ``error``, or ``use``, by which its values are in
        force at entry.
    after_end
        A visit, or a start of treatment, after the end of follow-up: ``error``, or ``drop``, by
        which it is left out of account.
    """

    patient: str = "patient"
    entry: str | None = "entry"
    end: str = "time"
    event: str = "event"
    treatment_start: str | None = "treatment_start"
    visit_time: str = "visit_time"
    covariates: tuple[str, ...] = ()
    baseline: tuple[str, ...] = ()
    before_first: BeforeFirst = "error"
    before_entry: BeforeEntry = "error"
    after_end: AfterEnd = "error"

    def __post_init__(self) -> None:
        """Refuse unknown policies and names that mean another column of the episodes."""
        choices = {
            "before_first": (self.before_first, get_args(BeforeFirst)),
            "before_entry": (self.before_entry, get_args(BeforeEntry)),
            "after_end": (self.after_end, get_args(AfterEnd)),
        }
        problems = [
            Problem(name, f"unknown policy {value!r}; choose from {', '.join(known)}")
            for name, (value, known) in choices.items()
            if value not in known
        ]
        names = [*self.covariates, *self.baseline]
        for name in dict.fromkeys(names):
            if name in EPISODE_NAMES:
                message = "is a column of every episode; rename the covariate"
                problems.append(Problem(f"covariate {name}", message))
            elif names.count(name) > 1:
                problems.append(Problem(f"covariate {name}", "is asked for more than once"))
        if problems:
            raise InputError(problems)

    @property
    def patient_columns(self) -> tuple[str, ...]:
        """Columns that the table of patients must have."""
        optional = (self.entry, self.treatment_start)
        named_ones = (name for name in optional if name is not None)
        return (self.patient, self.end, self.event, *named_ones, *self.baseline)

    @property
    def visit_columns(self) -> tuple[str, ...]:
        """Columns that the table of visits must have."""
        return (self.patient, self.visit_time, *self.covariates)
