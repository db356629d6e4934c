"""What is odd in a table of visits: counted, shown with examples, and said what was done about it.

Nothing here changes a value. A finding is a fault of the data, or a fact about them that an
analyst would want to know before the first model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.cohort.checks import counted
from hccbayes.time_zero.episode_columns import distinct
from hccbayes.time_zero.visit_rules import VisitRules

SAME_END_DAYS: Final = 0.01
"""Ends of follow-up that are less apart, in days, differ by rounding."""
AGES: Final = (1.0, 105.0)
"""Years of age outside of which an adult's age is not believed."""
BIRTH_YEARS: Final = 2.0
"""Years by which birth, as age and date imply it, may move: one for whole years, one for care."""
INDICATOR_SHARE: Final = 0.95
"""Share of 0 and 1 from which on a column is taken for an indicator."""
CEILING_SHARE: Final = 0.01
"""Share of values at the largest one from which on that is taken for a limit of measurement."""
SCHEDULE: Final = (50, 2.0)
"""Times one gap between visits occurs, and times its neighbors' count, to be a schedule."""
EVENT_DAY: Final = (20, 5.0)
"""Events on one day of the month, and times their number by chance, to be dates of months only."""
_EXAMPLES: Final = 5
_DAYS_A_YEAR: Final = 365.25

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
class _Seen:
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


def visit_findings(
    table: pd.DataFrame, at_zero: pd.DataFrame, added: pd.Series, rules: VisitRules
) -> tuple[VisitFinding, ...]:
    """Return what is odd in the visits.

    Parameters
    ----------
    table
        All visits in the order of the file, with ``patient``, ``date`` and ``follow_up_days``
        beside the columns of the rules; index 0, 1, ...
    at_zero
        The visit at time zero of each patient of the cohort, same columns.
    added
        Days from time zero to the added treatment by patient, those after the end among them.
    rules
        Which column is what.
    """
    zero = table["patient"].map(at_zero.set_index("patient")["date"])
    is_zero = (table["date"] == zero).to_numpy()
    seen = _Seen(table, at_zero, added, rules, is_zero)
    return tuple(found for look in _LOOKS for found in look(seen))


def findings_frame(findings: Iterable[VisitFinding], *, examples: bool) -> pd.DataFrame:
    """Return one row a finding: counts, and identifiers of some patients if asked for.

    Parameters
    ----------
    findings
        From :func:`visit_findings`.
    examples
        Whether to add the column ``examples``.
    """
    names = ["finding", "visits", "patients", "cohort_patients", "time_zero_visits"]
    names += ["detail", "action"]
    rows = [[getattr(one, name) for name in names] for one in findings]
    frame = pd.DataFrame(rows, columns=names)
    if examples:
        frame["examples"] = [", ".join(one.ids[:_EXAMPLES]) for one in findings]
    return frame


def _left_out(seen: _Seen) -> Iterator[VisitFinding]:
    rules = seen.rules
    never = ~seen.table["patient"].isin(seen.at_zero["patient"])
    yield from seen.find(
        f"patients without {rules.index_treatment} before the end of follow-up",
        never,
        "left out: they have no time zero",
    )


def _ends(seen: _Seen) -> Iterator[VisitFinding]:
    """Compare the ends of follow-up that a patient's visits state."""
    table = seen.table
    end = table["date"] + pd.to_timedelta(table["follow_up_days"], unit="D")
    ends = end.groupby(table["patient"])
    apart = (ends.transform("max") - ends.transform("min")).dt.total_seconds() / 86_400
    effect = _effect_on_follow_up(seen, ends)
    small = ((apart > SAME_END_DAYS) & (apart < 1.0)).to_numpy()
    large = (apart >= 1.0).to_numpy()
    days = _end_days(table).groupby(table["patient"]).transform("nunique")
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


def _end_days(table: pd.DataFrame) -> pd.Series:
    """Return the end of follow-up as a day.

    What is left of a day belongs to the visit, so that the end is the midnight after it.
    """
    end = table["date"] + pd.to_timedelta(table["follow_up_days"] - SAME_END_DAYS, unit="D")
    return end.dt.ceil("D")


def _effect_on_follow_up(seen: _Seen, ends: Any) -> str:
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


def _last_day(seen: _Seen) -> Iterator[VisitFinding]:
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


def _event_days(seen: _Seen) -> Iterator[VisitFinding]:
    """Find a day of the month on which events pile up: dates known to the month only."""
    table = seen.table
    day = _end_days(table).dt.day
    last = ~table.sort_values("date", kind="stable").duplicated("patient", keep="last")
    events = day[last.reindex(table.index) & (table[seen.rules.event] == 1)]
    counts = events.value_counts()
    least, ratio = EVENT_DAY
    if counts.empty or counts.iloc[0] < max(least, ratio * len(events) * 12 / _DAYS_A_YEAR):
        return
    often = int(counts.index[0])
    yield from seen.find(
        f"events on day {often} of the month, as where only the month is known",
        day.index.isin(events.index[events == often]),
        "kept as they are; survival is off by up to half a month",
        f"{int(counts.iloc[0])} of {len(events)} events; one visit a patient is counted",
    )


def _status(seen: _Seen) -> Iterator[VisitFinding]:
    event = seen.table.groupby("patient")[seen.rules.event]
    yield from seen.find(
        f"{seen.rules.event} differs between the visits of a patient",
        event.transform("max") != event.transform("min"),
        "that of the visit at time zero is taken",
    )


def _repeats(seen: _Seen) -> Iterator[VisitFinding]:
    table = seen.table
    whole = table.duplicated(keep=False)
    yield from seen.find("visits that stand twice, all columns equal", whole, "taken as one")
    same = table.duplicated(["patient", "date"], keep=False)
    yield from seen.find(
        "visits of a patient on one day with different values",
        same & ~whole,
        "taken as one: treatments of any row, all else of the last",
    )


def _order(seen: _Seen) -> Iterator[VisitFinding]:
    table = seen.table
    back = table.groupby("patient")["date"].diff().dt.days < 0
    yield from seen.find("visits before the row above them in time", back, "sorted by date")
    run = table["patient"] != table["patient"].shift()
    scattered = run & table["patient"].duplicated()
    yield from seen.find("patients whose rows are not together", scattered, "put together")


def _ages(seen: _Seen) -> Iterator[VisitFinding]:
    if seen.rules.age is None:
        return
    kept = "kept as they are"
    age = pd.to_numeric(seen.table[seen.rules.age], errors="coerce")
    lowest, highest = AGES
    odd = (age < lowest) | (age > highest)
    detail = f"{int((age == 0).sum())} of 0; most {age.max():g}"
    yield from seen.find(f"age below {lowest:g} or above {highest:g}", odd, kept, detail)
    ordered = seen.by_date()
    falls = age[ordered.index].groupby(ordered["patient"]).diff() < 0
    yield from seen.find("age lower than at the visit before", falls.reindex(age.index), kept)
    date = seen.table["date"]
    birth = date.dt.year + date.dt.dayofyear / _DAYS_A_YEAR - age
    births = birth.groupby(seen.table["patient"])
    moved = births.transform("max") - births.transform("min")
    apart = moved > BIRTH_YEARS
    yield from seen.find(
        f"age and date imply births more than {BIRTH_YEARS:g} years apart",
        apart,
        kept,
        f"up to {moved.max():.0f} years",
    )


def _zeros(seen: _Seen) -> Iterator[VisitFinding]:
    for first, second in seen.rules.zero_together:
        one = pd.to_numeric(seen.table[first], errors="coerce")
        other = pd.to_numeric(seen.table[second], errors="coerce")
        for zero, positive, empty, full in (
            (one, other, first, second),
            (other, one, second, first),
        ):
            mask = (zero == 0) & (positive > 0)
            yield from seen.find(f"{empty} is 0 and {full} is not", mask, "kept as they are")


def _number_columns(seen: _Seen) -> Iterator[tuple[str, pd.Series]]:
    """Yield the columns of numbers that no check of their own reads."""
    rules = seen.rules
    own = {rules.patient, rules.date, rules.follow_up, rules.event, *rules.treatments}
    own |= {"patient", "date", "follow_up_days"} | ({rules.age} if rules.age else set())
    for column in seen.table.columns:
        values = seen.table[column]
        if column not in own and values.dtype.kind in "iuf":
            yield str(column), values


def _indicators(seen: _Seen) -> Iterator[VisitFinding]:
    for column, values in _number_columns(seen):
        binary = values.isin([0, 1])
        odd = ~binary & values.notna()
        if values.isin([1]).any() and binary.mean() >= INDICATOR_SHARE:
            found = ", ".join(f"{value:g}" for value in sorted(values[odd].unique())[:_EXAMPLES])
            name = f"{column} is neither 0 nor 1 as elsewhere"
            yield from seen.find(name, odd, "kept as they are", f"values {found}")


def _ceilings(seen: _Seen) -> Iterator[VisitFinding]:
    for column, values in _number_columns(seen):
        top = values == values.max()
        if values.nunique() > 20 and top.mean() >= CEILING_SHARE:
            yield from seen.find(
                f"{column} at its largest value, as at a limit of measurement",
                top,
                "kept as they are",
                f"{values.max():g}",
            )


def _missing(seen: _Seen) -> Iterator[VisitFinding]:
    for column in seen.rules.covariates:
        absent = seen.table[column].isna()
        yield from seen.find(f"{column} is missing", absent, "left missing; not carried forward")


def _stops(seen: _Seen) -> Iterator[VisitFinding]:
    table, rules = seen.table, seen.rules
    zero = table["patient"].map(seen.at_zero.set_index("patient")["date"])
    off = (table["date"] > zero) & (table[rules.index_treatment] == 0)
    yield from seen.find(
        f"visits after time zero without {rules.index_treatment}",
        off,
        "nothing: patients stay in the cohort from time zero on",
    )


def _no_history(seen: _Seen) -> Iterator[VisitFinding]:
    first = seen.table.groupby("patient")["date"].transform("min")
    yield from seen.find(
        "time zero is the first visit",
        seen.is_zero & (seen.table["date"] == first).to_numpy(),
        "history is counted as none; treatment elsewhere before is not in the file",
    )


def _schedule(seen: _Seen) -> Iterator[VisitFinding]:
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


_LOOKS: Final[tuple[Callable[[_Seen], Iterator[VisitFinding]], ...]] = (
    _left_out,
    _ends,
    _last_day,
    _event_days,
    _status,
    _repeats,
    _order,
    _ages,
    _zeros,
    _indicators,
    _ceilings,
    _missing,
    _stops,
    _no_history,
    _schedule,
)
"""What is looked for, in the order of the findings."""
