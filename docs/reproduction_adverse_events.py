"""Printed adverse events by grade beside the conventional table of the synthetic cohorts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

import reproduction_reasons as reasons
from hccbayes import evidence
from hccbayes.evidence.count_tests import count_p_values
from reproduction_columns import event_column
from reproduction_conventional import tables
from reproduction_counts import TESTS, Verdict, counted_verdict, p_and_difference, share_text
from reproduction_record import NOT_COMPARED, Row, p_text

ENDPOINT: Final = "adverse events"
NOT_FITTED: Final = "not fitted: adverse events"
ARMS: Final = ("treated", "control", "overall")
SEVERE: Final = ("3-4", "3-5")
"""Grades that the conventional table has beside any."""


def adverse_event_rows(study: str) -> Iterator[Row]:
    """Yield a row for each printed adverse event and grade, all printed arms in it."""
    table = evidence.table("adverse_events", usable_only=False)
    own = table[(table["study"] == study) & (table["source"] == study)]
    for _, rows in own.groupby(["event", "printed_grade"], sort=False):
        yield _event(rows.sort_values("arm", key=lambda arms: arms.map(ARMS.index)))


def _event(arms: pd.DataFrame) -> Row:
    first = arms.iloc[0]
    found = _found(first)
    if found is None:
        return _row(arms, "not computed", "", _absent(arms))
    counts = {arm: (found[f"{arm}_n"], found[f"{arm}_total"]) for arm in ("treated", "control")}
    counts["overall"] = tuple(np.sum(list(counts.values()), axis=0))
    shares = ", ".join(
        share_text(*counts[row["arm"]], row["printed_percent"]) for _, row in arms.iterrows()
    )
    text = shares + p_and_difference(found, first["printed_p"])
    judged = counted_verdict(arms, found)
    if first["repaired_field"] == "grade":
        judged = Verdict(judged.agreement, judged.labels, (*judged.remarks, first["reason"]))
    return _row(arms, text, f"conventional adverse events, {found['test'] or 'no test'}", judged)


def _found(row: pd.Series) -> pd.Series | None:
    """Return the row of the conventional table, nothing where the cohort has no such event."""
    table = tables(row["study"], "unadjusted").adverse_events
    if table is None:
        return None
    grades = ("any",) if row["grade"] == "any" else SEVERE
    own = table[(table["event"] == event_column(row["event"])) & table["grade"].isin(grades)]
    return None if own.empty else own.iloc[0]


def _absent(arms: pd.DataFrame) -> Verdict:
    """Return why an event has no counterpart, and what p its printed counts give."""
    doubts = [reason for reason in arms["reason"] if reason]
    both = arms[arms["arm"].isin(["treated", "control"])]
    printed = arms.iloc[0]["printed_p"]
    told = []
    if printed and len(both) == 2:
        having = [int(count) for count in both["count"]]
        without = [int(row["total"] - row["count"]) for _, row in both.iterrows()]
        p = p_text(count_p_values([having, without])["pearson"], printed)
        told = [f"{TESTS['pearson']} of the printed counts gives p {p}"]
    return Verdict(NOT_COMPARED, (reasons.ABSENT,), (*doubts, *told))


def _row(arms: pd.DataFrame, found: str, method: str, judged: Verdict) -> Row:
    first = arms.iloc[0]
    printed = ", ".join(_printed(row) for _, row in arms.iterrows())
    p = first["printed_p"]
    return Row(
        study=first["study"],
        endpoint=ENDPOINT,
        sample="unadjusted",
        quantity=f"{first['event']}, {_grade(first['printed_grade'])}",
        item=", ".join(arms["arm"]),
        printed=f"{printed}, p {p}" if p else printed,
        frequentist=found,
        method=method,
        bayes=NOT_FITTED,
        agreement=judged.agreement,
        reason=judged.reason(),
        remark=judged.remark(),
        evidence=" ".join(["adverse_events", *(str(index) for index in sorted(arms.index))]),
    )


def _grade(printed: str) -> str:
    return "any grade" if printed == "any" else f"grade {printed}"


def _printed(row: pd.Series) -> str:
    percent = f" ({row['printed_percent']}%)" if row["printed_percent"] else ""
    return f"{row['printed_count']} of {row['total']:.0f}{percent}"
