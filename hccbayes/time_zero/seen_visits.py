"""Visits as they are looked through, and the record of one thing found in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.time_zero.episode_columns import distinct
from hccbayes.time_zero.visit_rules import VisitRules

DAYS_A_YEAR: Final = 365.25
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFinding:
    """One thing found in the visits.

    Parameters
    ----------
    finding
        What it is, in a few words.
    visits
        How many visits it is about.
    ids
        The patients it is about; kept in memory, only counted in what is written.
    cohort_patients
        How many of them are in the cohort.
    time_zero_visits
        How many of the visits are someone's time zero, so that it touches the cohort's own row.
    detail
        Numbers: how far, how much.
    action
        What was done about it.
    """

    finding: str
    visits: int
    ids: tuple[str, ...]
    cohort_patients: int
    time_zero_visits: int
    action: str
    detail: str = ""

    @property
    def patients(self) -> int:
        """How many patients it is about."""
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class SeenVisits:
    """Visits as the findings read them: in the order of the file, with what the cohort took."""

    table: pd.DataFrame
    at_zero: pd.DataFrame
    added: pd.Series
    rules: VisitRules
    is_zero: Mask

    def find(
        self, finding: str, mask: Mask | pd.Series, action: str, detail: str = ""
    ) -> Iterator[VisitFinding]:
        """Yield a finding about the visits in a mask; nothing if it is empty."""
        rows = np.asarray(mask, dtype=bool)
        if rows.any():
            ids = distinct(self.table.loc[rows, "patient"])
            yield VisitFinding(
                finding=finding,
                visits=int(rows.sum()),
                ids=ids,
                cohort_patients=len(set(ids) & set(self.at_zero["patient"])),
                time_zero_visits=int((rows & self.is_zero).sum()),
                action=action,
                detail=detail,
            )

    def by_date(self) -> pd.DataFrame:
        """Return the visits of each patient by date; the index is that of the table."""
        return self.table.sort_values(["patient", "date"], kind="stable")
