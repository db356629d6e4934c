"""Checks of a count, its percentage and its total."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from hccbayes.evidence.factors import WEIGHTED
from hccbayes.evidence.findings import Finding, Severity, place_of
from hccbayes.evidence.printed import Printed, parse


def percentages(
    cells: pd.DataFrame, *, count: str, total: str, percent: str, named: Sequence[str]
) -> Iterator[Finding]:
    """Find a count above its total, and a percentage that no count, or not this one, gives.

    Where no count is printed, every whole count up to the total is tried.

    Parameters
    ----------
    cells
        Rows of an audit table with ``study`` and ``analysis_set``; in weighted sets count and total
        are sums of weights, and so rounded themselves.
    count, total, percent
        Columns of the printed numbers.
    named
        Columns whose words say what a row is about.
    """
    for line in cells.index:
        row = cells.loc[line]
        fault = _fault(
            parse(row[count]),
            parse(row[total]),
            parse(row[percent]),
            weighted=row["analysis_set"] == WEIGHTED,
        )
        if fault is not None:
            field = percent if fault.of_percent else count
            yield place_of(cells.loc[[line]], named).finding(
                fault.check, fault.severity, field, fault.printed, fault.expected, fault.message
            )


@dataclass(frozen=True, slots=True)
class _Fault:
    check: str
    severity: Severity
    of_percent: bool
    printed: str
    expected: str
    message: str


def _fault(
    count: Printed | None, total: Printed | None, percent: Printed | None, *, weighted: bool
) -> _Fault | None:
    if total is None or total.value <= 0:
        return None
    if count is not None:
        return _count_fault(count, total, percent, weighted)
    return _no_count_gives(percent, total) if percent and not weighted else None


def _no_count_gives(percent: Printed, total: Printed) -> _Fault | None:
    """Return the fault of a percentage that no whole count gives."""
    if not total.is_count or attainable_counts(percent, int(total.value)):
        return None
    near = int(percent.value * total.value / 100.0)
    options = [percent.like(100 * count / total.value) for count in (near, near + 1)]
    return _Fault(
        "percent_not_attainable",
        "inconsistent",
        True,
        percent.text,
        " or ".join(options),
        f"no count out of {total.text} gives this percentage: another denominator?",
    )


def _count_fault(
    count: Printed, total: Printed, percent: Printed | None, weighted: bool
) -> _Fault | None:
    """Return the fault of a count above its total, or of a percentage that is not the count's."""
    if _ends(count, weighted)[0] > _ends(total, weighted)[1]:
        message = "the count is larger than its total"
        return _Fault("count_above_total", "impossible", False, count.text, total.text, message)
    if percent is None or percent.holds(*percent_range(count, total, weighted=weighted)):
        return None
    expected = percent.like(100.0 * count.value / total.value)
    if percent.cut_from(100.0 * count.value / total.value):
        message = "the percentage is cut off, not rounded"
        return _Fault("percent_cut_off", "note", True, percent.text, expected, message)
    message = f"{count.text} of {total.text} is not this percentage"
    return _Fault("percent_of_count", "inconsistent", True, percent.text, expected, message)


def percent_range(count: Printed, total: Printed, *, weighted: bool = False) -> tuple[float, float]:
    """Return the smallest and largest percentage a count out of a total can be."""
    (c_low, c_high), (t_low, t_high) = _ends(count, weighted), _ends(total, weighted)
    return 100.0 * max(0.0, c_low) / t_high, 100.0 * c_high / t_low if t_low > 0 else math.inf


def attainable_counts(percent: Printed, total: int) -> list[int]:
    """Return the whole counts out of `total` that print as this percentage."""
    first = max(0, math.floor(percent.low * total / 100.0))
    last = min(total, math.ceil(percent.high * total / 100.0))
    return [k for k in range(first, last + 1) if percent.holds(100.0 * k / total)]


def _ends(printed: Printed, weighted: bool) -> tuple[float, float]:
    if printed.is_count and not weighted:
        return printed.value, printed.value
    return printed.low, printed.high
