"""A cohort as the conventional analysis takes it, and the words for what cannot be estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.cox import CoxFit, cox
from hccbayes.records import FrequentistLabels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConventionalCohort:
    """Patients, terms and labels that rows of the estimate table are made of.

    Parameters
    ----------
    frame
        One row a patient: ``entry`` and ``time`` in months, ``event``, ``treatment`` (0 or 1), and
        ``center`` where there is one.
    design
        The model's terms, one column each, on their own scale; the first is ``treatment``.
    contrasts
        Contrast label of each term.
    labels
        Population, model and interval probability of the rows.
    """

    frame: pd.DataFrame
    design: pd.DataFrame
    contrasts: Mapping[str, str]
    labels: FrequentistLabels

    @property
    def follow_up(self) -> tuple[pd.Series, pd.Series, pd.Series]:
        """Entry, time and event."""
        return self.frame["entry"], self.frame["time"], self.frame["event"]

    @property
    def has_centers(self) -> bool:
        """Whether there are two or more centers."""
        return "center" in self.frame.columns and self.frame["center"].nunique() > 1

    def only(self, rows: pd.Series) -> ConventionalCohort:
        """Return some of the patients, given a mask with the index of `frame`."""
        mask = rows.to_numpy()
        return replace(
            self,
            frame=self.frame[mask].reset_index(drop=True),
            design=self.design[mask].reset_index(drop=True),
        )

    def cox(self, design: pd.DataFrame, strata: ArrayLike | None = None) -> CoxFit:
        """Fit a Cox model with Efron's ties to some terms."""
        return cox(design, *self.follow_up, strata=strata, prob=self.labels.prob)


def checked_cohort(
    frame: pd.DataFrame,
    design: pd.DataFrame,
    contrasts: Mapping[str, str],
    labels: FrequentistLabels,
) -> ConventionalCohort:
    """Return the cohort.

    Raises
    ------
    InputError
        If a column, a contrast or a value is missing or wrong, or an arm has no patient.
    """
    problems = [
        Problem(f"column {column}", "is needed")
        for column in ("entry", "time", "event", "treatment")
        if column not in frame.columns
    ]
    if list(design.columns[:1]) != ["treatment"]:
        problems.append(Problem("design", "its first column must be `treatment`"))
    if len(design) != len(frame):
        problems.append(Problem("design", f"has {len(design)} rows for {len(frame)} patients"))
    problems.extend(
        Problem(f"term {term}", "has no contrast label")
        for term in design.columns
        if term not in contrasts
    )
    if "center" in frame.columns and frame["center"].isna().any():
        problems.append(Problem("column center", "has missing values"))
    if not problems and set(frame["treatment"].unique()) != {0, 1}:
        problems.append(Problem("column treatment", "must hold 0 and 1, and both of them"))
    if problems:
        raise InputError(problems)
    return ConventionalCohort(frame=frame, design=design, contrasts=contrasts, labels=labels)


def not_estimable(what: str, error: InputError) -> str:
    """Return why a method gave no number."""
    return f"{what}: not estimable: " + "; ".join(str(problem) for problem in error.problems)
