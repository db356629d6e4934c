"""Checks of printed survival rates and of medians."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import pandas as pd

from hccbayes.evidence.findings import Finding, Place, place_of
from hccbayes.evidence.percent_checks import attainable_counts, percentages
from hccbayes.evidence.printed import SLACK, Printed, parse

AT_RISK_CHANCE: Final = 0.01
"""Chance that rates are whole numbers of patients by accident, below which they are hardly
Kaplan-Meier estimates."""
_NAMED: Final = ("endpoint", "analysis_set", "arm")


def rates_decrease(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find survival that rises with time."""
    for rows, rates in _curves(cells):
        for (early, one), (late, two) in pairwise(rates):
            if two.low > one.high + SLACK:
                message = f"survival at {late:g} months is above that at {early:g}"
                yield _place(rows).finding(
                    "rate_rises",
                    "impossible",
                    "percent",
                    two.text,
                    f"at most {one.text}",
                    message,
                )


def rates_against_median(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find survival above one half after the median, or below it before.

    The Kaplan-Meier median is the first time at which survival is one half or less.
    """
    for rows, rates in _curves(cells):
        median = parse(rows["median"].iloc[0])
        if median is None:
            continue
        for month, rate in rates:
            below = rate.high < 50.0 and month < median.low
            above = rate.low > 50.0 and month >= median.high
            if below or above:
                side = "before" if below else "after"
                message = (
                    f"survival of {rate.text}% at {month:g} months, {side} the median "
                    f"({median.text})"
                )
                expected = "at least 50" if below else "at most 50"
                yield _place(rows).finding(
                    "rate_against_median",
                    "impossible",
                    "percent",
                    rate.text,
                    expected,
                    message,
                )


def rates_are_at_risk(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find rates that are all whole numbers of patients over the arm.

    A Kaplan-Meier estimate is a multiple of 1/n only until the first censoring. Rates of several
    months that all are look like numbers at risk over n. The chance that a rate is such a multiple
    is at most the width of its rounding times n; rates of 0 and 100 say nothing.
    """
    key = ["study", "endpoint", "analysis_set"]
    for _, table in cells[cells["n"] != ""].groupby(key, sort=False):
        chance, inside, implied = 1.0, 0, []
        for line in table.index:
            row = table.loc[line]
            rate, n = parse(row["percent"]), parse(row["n"])
            if rate is None or n is None or not n.is_count or n.value <= 0:
                continue
            counts = attainable_counts(rate, int(n.value))
            if not counts:
                chance = 1.0
                break
            implied.append(f"{row['arm']} {row['month']} months {counts[0]}/{n.text}")
            if 0.0 < rate.value < 100.0:
                chance *= min(1.0, (rate.high - rate.low) / 100.0 * n.value)
                inside += 1
        if inside >= 2 and chance < AT_RISK_CHANCE:
            message = (
                f"all rates are whole patients over n (chance {chance:.1g}): numbers still under "
                f"observation rather than Kaplan-Meier survival: {', '.join(implied)}"
            )
            yield _place(table).finding(
                "rates_are_at_risk", "suspicious", "percent", "", "", message
            )


RATE_CHECKS: Final[dict[str, Callable[[pd.DataFrame], Iterator[Finding]]]] = {
    "rate_rises": rates_decrease,
    "rate_against_median": rates_against_median,
    "rates_are_at_risk": rates_are_at_risk,
}
"""Checks of survival rates by name."""


def medians_in_order(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find medians that lie outside of their confidence limits."""
    for line in cells.index:
        row = cells.loc[[line]]
        median, low, high = (parse(row[name].iloc[0]) for name in _LIMITS)
        if median is None:
            continue
        under = low is not None and median.high < low.low
        over = high is not None and median.low > high.high
        if under or over:
            expected = f"{'' if low is None else low.text} to {'' if high is None else high.text}"
            message = "the median lies outside of its limits"
            yield _place(row).finding(
                "median_outside_limits", "impossible", "median", median.text, expected, message
            )


def symmetric_limits(cells: pd.DataFrame) -> Iterator[Finding]:
    """Say where all medians of a study lie in the middle of their limits.

    Limits read off a Kaplan-Meier curve are event times and hardly ever symmetric: these come from
    a normal approximation.
    """
    for _, rows in cells.groupby(["study", "analysis_set"], sort=False):
        trios = [[parse(row[name]) for name in _LIMITS] for _, row in rows.iterrows()]
        whole = [(m, low, high) for m, low, high in trios if m and low and high]
        middle = [
            m.holds((low.low + high.low) / 2, (low.high + high.high) / 2) for m, low, high in whole
        ]
        if len(middle) >= 3 and all(middle):
            text = "; ".join(f"{m.text} ({low.text}-{high.text})" for m, low, high in whole)
            message = "every median is in the middle of its limits: a normal approximation"
            yield _place(rows).finding(
                "symmetric_limits", "note", "median_lower, median_upper", text, "", message
            )


def sources_agree(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find a median that two papers quote differently for the same arm of the same study."""
    named = cells[(cells["source"] != "") & (cells["median"] != "")]
    for _, rows in named.groupby(["study", "endpoint", "arm"], sort=False):
        for source, own in rows.groupby("source", sort=False):
            others = rows[rows["source"] != source]
            if len(others) == 0 or own.index[0] < others.index[0]:
                continue
            known = [parse(cell) for cell in others["median"]]
            for line in own.index:
                found = parse(own.loc[line, "median"])
                if found and not any(one and one.may_equal(found) for one in known):
                    quoted = ", ".join(others["median"])
                    message = f"{others['source'].iloc[0]} quotes {quoted} months for this arm"
                    yield _place(own.loc[[line]]).finding(
                        "sources_disagree",
                        "inconsistent",
                        "median",
                        found.text,
                        quoted,
                        message,
                    )


def events_and_percentages(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find events above the arm, and percentages that do not follow from the events."""
    rows = cells[cells["events"] != ""]
    yield from percentages(rows, count="events", total="n", percent="events_percent", named=_NAMED)


MEDIAN_CHECKS: Final[dict[str, Callable[[pd.DataFrame], Iterator[Finding]]]] = {
    "median_outside_limits": medians_in_order,
    "symmetric_limits": symmetric_limits,
    "sources_disagree": sources_agree,
    "percentages": events_and_percentages,
}
"""Checks of medians and events by name."""

_LIMITS: Final = ("median", "median_lower", "median_upper")


def _curves(cells: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, list[tuple[float, Printed]]]]:
    """Yield the rows of each curve and its rates in the order of months."""
    key = ["study", "endpoint", "analysis_set", "arm", "n"]
    for _, rows in cells.groupby(key, sort=False):
        rates = []
        for _, row in rows.iterrows():
            month, rate = parse(row["month"]), parse(row["percent"])
            if month is not None and rate is not None:
                rates.append((month.value, rate))
        yield rows, sorted(rates, key=lambda pair: pair[0])


def _place(rows: pd.DataFrame) -> Place:
    return place_of(rows, _NAMED)
