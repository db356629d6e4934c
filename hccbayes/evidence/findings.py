"""What an audit finds: one record a finding, one table of them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

import pandas as pd

Severity = Literal["impossible", "inconsistent", "suspicious", "note"]

SEVERITIES: Final[dict[str, str]] = {
    "impossible": "no data give these numbers",
    "inconsistent": "two printed numbers disagree beyond rounding",
    "suspicious": "possible, but hardly by chance",
    "note": "worth knowing; not a fault by itself",
}
"""Severities, the worst first, and what they mean."""

ALARMS: Final = ("impossible", "inconsistent", "suspicious")
"""Severities that count as an alarm; the rate of false ones is in benchmarks/."""

FINDING_COLUMNS: Final = (
    "check",
    "severity",
    "row",
    "study",
    "item",
    "field",
    "printed",
    "expected",
    "message",
)
"""Columns of a table of findings, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing an audit found.

    Parameters
    ----------
    check
        Name of the check.
    severity
        One of :data:`SEVERITIES`.
    row
        Row of the table below its header, counted from 1; the first one of several.
    study, item
        Whose row it is: the study, and the endpoint, variable or event.
    field
        Column, or columns, at fault.
    printed, expected
        What is printed and what it should be, as text; `expected` may be empty.
    message
        One sentence.
    """

    check: str
    severity: Severity
    row: int
    study: str
    item: str
    field: str
    printed: str
    expected: str
    message: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding stands: the first of its rows, the study, and what the row is about."""

    row: int
    study: str
    item: str

    def finding(
        self,
        check: str,
        severity: Severity,
        field: str,
        printed: str,
        expected: str,
        message: str,
    ) -> Finding:
        """Return a finding here; the parameters are those of :class:`Finding`."""
        return Finding(
            check=check,
            severity=severity,
            row=self.row,
            study=self.study,
            item=self.item,
            field=field,
            printed=printed,
            expected=expected,
            message=message,
        )


def joined(parts: Iterable[str]) -> str:
    """Return the words that are there, with commas between them."""
    return ", ".join(part for part in parts if part)


def place_of(rows: pd.DataFrame, named: Sequence[str]) -> Place:
    """Return the place of the first of some rows.

    Parameters
    ----------
    rows
        Rows of an audit table, whose index is the row below the header.
    named
        Columns whose words say what a row is about.
    """
    row = rows.iloc[0]
    return Place(int(str(rows.index[0])), str(row["study"]), joined(map(str, row[list(named)])))


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as a table, in the order of rows and then of severity.

    Returns
    -------
    pandas.DataFrame
        One row a finding, columns :data:`FINDING_COLUMNS`; ``row`` is an integer, the rest text.
    """
    frame = pd.DataFrame([asdict(item) for item in findings], columns=list(FINDING_COLUMNS))
    rank = frame["severity"].map({name: place for place, name in enumerate(SEVERITIES)})
    frame = frame.assign(rank=rank).sort_values(["row", "rank"], kind="stable", ignore_index=True)
    return frame.drop(columns="rank").astype({"row": "int64"})


def alarms(findings: pd.DataFrame) -> pd.DataFrame:
    """Return the findings that are more than a note."""
    return findings[findings["severity"].isin(ALARMS)].reset_index(drop=True)
