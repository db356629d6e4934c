"""What is odd in follow-up as visits state it: its end, its last day, the outcome, time zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from hccbayes.cohort.checks import counted
from hccbayes.time_zero.seen_visits import DAYS_A_YEAR, SeenVisits, VisitFinding

SAME_END_DAYS: Final = 0.01
"""Ends of follow-up that are less apart, in days, differ by rounding."""
EVENT_DAY: Final = (20, 5.0)
"""Events on one day of the month, and times their number by chance, to be dates of months only."""


def left_out(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find patients who have no time zero."""
    rules = seen.rules
    never = ~seen.table["patient"].isin(seen.at_zero["patient"])
    yield from seen.find(
        f"patients without {rules.index_treatment} before the end of follow-up",
        never,
        "left out: they have no time zero",
    )


def ends_of_follow_up(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Compare the ends of follow-up that a patient's visits state."""
    table = seen.table
    end = table["date"] + pd.to_timedelta(table["follow_up_days"], unit="D")
    ends = end.groupby(table["patient"])
    apart = (ends.transform("max") - ends.transform("min")).dt.total_seconds() / 86_400
    effect = _effect_on_follow_up(seen, ends)
    small = ((apart > SAME_END_DAYS) & (apart < 1.0)).to_numpy()
    large = (apart >= 1.0).to_numpy()
    days = end_days(table).groupby(table["patient"]).transform("nunique")
    for name, mask in (
        ("end of follow-up differs between visits by less than a day", small),
        ("end of follow-up differs between visits by a day or more", large),
    ):
        spread = apart[mask].groupby(table.loc[mask, "patient"]).first()
        still = table.loc[mask & (days > 1).to_numpy(), "patient"].nunique()
        detail = (
            f"{_quantiles(spread)} days apart; rounded up to whole days, as if a time of day "
            f"were in the follow-up and not in the date, {still} still differ; {effect}"
            if mask.any()
            else ""
        )
        yield from seen.find(name, mask, "follow-up is that of the visit at time zero", detail)


def end_days(table: pd.DataFrame) -> pd.Series:
    """Return the end of follow-up as a day.

    What is left of a day belongs to the visit, so that the end is the midnight after it.
    """
    end = table["date"] + pd.to_timedelta(table["follow_up_days"] - SAME_END_DAYS, unit="D")
    return end.dt.ceil("D")


def _effect_on_follow_up(seen: SeenVisits, ends: Any) -> str:
    """Return how follow-up in the cohort would change with another visit's end of it."""
    at_zero = seen.at_zero.set_index("patient")
    own = at_zero["date"] + pd.to_timedelta(at_zero["follow_up_days"], unit="D")
    longer = (ends.max().reindex(own.index) - own).dt.total_seconds() / 86_400
    shorter = (own - ends.min().reindex(own.index)).dt.total_seconds() / 86_400
    changed = int(((longer > SAME_END_DAYS) | (shorter > SAME_END_DAYS)).sum())
    return (
        f"by another visit's end follow-up in the cohort would differ for "
        f"{counted(changed, 'patient')}, by {max(0.0, shorter.max()):.2f} days less to "
        f"{max(0.0, longer.max()):.2f} days more"
    )


def _quantiles(values: pd.Series) -> str:
    cut = np.quantile(values, [0.5, 0.95, 1.0])
    return f"median {cut[0]:.2f}, 95% {cut[1]:.2f}, most {cut[2]:.2f}"


def last_day(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find visits and treatment on the last day of follow-up, and after it."""
    table, rules = seen.table, seen.rules
    days = table["follow_up_days"]
    yield from seen.find(
        "visits after the end of follow-up",
        days < 0,
        "left out",
        f"up to {-days.min():.1f} days after it" if (days < 0).any() else "",
    )
    treated = table[list(rules.treatments)].max(axis="columns") == 1
    yield from seen.find(
        "treatment recorded after the end of follow-up", (days < 0) & treated, "left out"
    )
    yield from seen.find(
        "visits on the last day of follow-up",
        days == 0,
        "used; a patient whose time zero is that day has a follow-up of zero",
        f"{int(seen.is_zero[days == 0].sum())} of them a time zero",
    )
    yield from seen.find(
        "treatment recorded on the last day of follow-up",
        (days == 0) & treated,
        "used; it has no time in which it could act",
    )
    late = seen.added[seen.added > seen.at_zero.set_index("patient")["follow_up_days"]]
    yield from seen.find(
        f"{rules.added_treatment} after the end of follow-up stated at time zero",
        seen.is_zero & table["patient"].isin(late.index).to_numpy(),
        "counted as never given",
    )


def event_days(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find a day of the month on which events pile up: dates known to the month only."""
    table = seen.table
    day = end_days(table).dt.day
    last = ~table.sort_values("date", kind="stable").duplicated("patient", keep="last")
    events = day[last.reindex(table.index) & (table[seen.rules.event] == 1)]
    counts = events.value_counts()
    least, ratio = EVENT_DAY
    if counts.empty or counts.iloc[0] < max(least, ratio * len(events) * 12 / DAYS_A_YEAR):
        return
    often = int(counts.index[0])
    yield from seen.find(
        f"events on day {often} of the month, as where only the month is known",
        day.index.isin(events.index[events == often]),
        "kept as they are; survival is off by up to half a month",
        f"{int(counts.iloc[0])} of {len(events)} events; one visit a patient is counted",
    )


def outcomes(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find patients whose visits state different outcomes."""
    event = seen.table.groupby("patient")[seen.rules.event]
    yield from seen.find(
        f"{seen.rules.event} differs between the visits of a patient",
        event.transform("max") != event.transform("min"),
        "that of the visit at time zero is taken",
    )


def no_history(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find patients whose history is not in the file."""
    first = seen.table.groupby("patient")["date"].transform("min")
    yield from seen.find(
        "time zero is the first visit",
        seen.is_zero & (seen.table["date"] == first).to_numpy(),
        "history is counted as none; treatment elsewhere before is not in the file",
    )
