"""What is odd in the rows of visits: repeats, order, a schedule that was filled, treatment left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hccbayes.time_zero.seen_visits import SeenVisits, VisitFinding

SCHEDULE: Final = (50, 2.0)
"""Times one gap between visits occurs, and times its neighbors' count, to be a schedule."""


def repeats(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find days of a patient that stand in several rows."""
    table = seen.table
    whole = table.duplicated(keep=False)
    yield from seen.find("visits that stand twice, all columns equal", whole, "taken as one")
    same = table.duplicated(["patient", "date"], keep=False)
    yield from seen.find(
        "visits of a patient on one day with different values",
        same & ~whole,
        "taken as one: treatments of any row, all else of the last",
    )


def order(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find rows out of order."""
    table = seen.table
    back = table.groupby("patient")["date"].diff().dt.days < 0
    yield from seen.find("visits before the row above them in time", back, "sorted by date")
    run = table["patient"] != table["patient"].shift()
    scattered = run & table["patient"].duplicated()
    yield from seen.find("patients whose rows are not together", scattered, "put together")


def treatment_stops(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find visits off treatment after time zero."""
    table, rules = seen.table, seen.rules
    zero = table["patient"].map(seen.at_zero.set_index("patient")["date"])
    off = (table["date"] > zero) & (table[rules.index_treatment] == 0)
    yield from seen.find(
        f"visits after time zero without {rules.index_treatment}",
        off,
        "nothing: patients stay in the cohort from time zero on",
    )


def schedule(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find a gap between visits that is much more frequent than gaps near it."""
    ordered = seen.by_date()
    gaps = ordered.groupby("patient")["date"].diff().dt.days
    counts = gaps[gaps > 0].value_counts()
    if counts.empty:
        return
    gap, count = float(counts.index[0]), int(counts.iloc[0])
    near = [counts.get(gap + shift, 0) for shift in (-3, -2, -1, 1, 2, 3)]
    least, ratio = SCHEDULE
    if count >= least and count >= ratio * max(near):
        yield from seen.find(
            f"visits exactly {gap:g} days after the one before",
            (gaps == gap).reindex(seen.table.index),
            "used; look whether they were made up to fill a schedule",
            f"the six gaps within 3 days of it occur {min(near)} to {max(near)} times",
        )
