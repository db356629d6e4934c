"""What is odd in the values of visits: ages, zeros, indicators, limits of measurement, gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from hccbayes.time_zero.seen_visits import DAYS_A_YEAR, SeenVisits, VisitFinding

AGES: Final = (1.0, 105.0)
"""Years of age outside of which an adult's age is not believed."""
BIRTH_YEARS: Final = 2.0
"""Years by which birth, as age and date imply it, may move: one for whole years, one for care."""
INDICATOR_SHARE: Final = 0.95
"""Share of 0 and 1 from which on a column is taken for an indicator."""
CEILING_SHARE: Final = 0.01
"""Share of values at the largest one from which on that is taken for a limit of measurement."""
_EXAMPLES: Final = 5


def ages(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find ages that are not believed, or do not go with the dates."""
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
    birth = date.dt.year + date.dt.dayofyear / DAYS_A_YEAR - age
    births = birth.groupby(seen.table["patient"])
    moved = births.transform("max") - births.transform("min")
    apart = moved > BIRTH_YEARS
    yield from seen.find(
        f"age and date imply births more than {BIRTH_YEARS:g} years apart",
        apart,
        kept,
        f"up to {moved.max():.0f} years",
    )


def zeros_apart(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find zeros where a quantity that is zero with it is not."""
    for first, second in seen.rules.zero_together:
        one = pd.to_numeric(seen.table[first], errors="coerce")
        other = pd.to_numeric(seen.table[second], errors="coerce")
        for zero, positive, empty, full in (
            (one, other, first, second),
            (other, one, second, first),
        ):
            mask = (zero == 0) & (positive > 0)
            yield from seen.find(f"{empty} is 0 and {full} is not", mask, "kept as they are")


def _number_columns(seen: SeenVisits) -> Iterator[tuple[str, pd.Series]]:
    """Yield the columns of numbers that no check of their own reads."""
    rules = seen.rules
    own = {rules.patient, rules.date, rules.follow_up, rules.event, *rules.treatments}
    own |= {"patient", "date", "follow_up_days"} | ({rules.age} if rules.age else set())
    for column in seen.table.columns:
        values = seen.table[column]
        if column not in own and values.dtype.kind in "iuf":
            yield str(column), values


def indicators(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find other values in columns of 0 and 1."""
    for column, values in _number_columns(seen):
        binary = values.isin([0, 1])
        odd = ~binary & values.notna()
        if values.isin([1]).any() and binary.mean() >= INDICATOR_SHARE:
            found = ", ".join(f"{value:g}" for value in sorted(values[odd].unique())[:_EXAMPLES])
            name = f"{column} is neither 0 nor 1 as elsewhere"
            yield from seen.find(name, odd, "kept as they are", f"values {found}")


def ceilings(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find measurements that pile up at the largest value."""
    for column, values in _number_columns(seen):
        top = values == values.max()
        if values.nunique() > 20 and top.mean() >= CEILING_SHARE:
            yield from seen.find(
                f"{column} at its largest value, as at a limit of measurement",
                top,
                "kept as they are",
                f"{values.max():g}",
            )


def missing_covariates(seen: SeenVisits) -> Iterator[VisitFinding]:
    """Find covariates that are missing."""
    for column in seen.rules.covariates:
        absent = seen.table[column].isna()
        yield from seen.find(f"{column} is missing", absent, "left missing; not carried forward")
