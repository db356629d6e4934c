"""Ways in which dates are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import pandas as pd

YEARS: Final = (1900, 2100)
"""First and last year a date is believed in."""
_MONTHS: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_TIME: Final = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?"


@dataclass(frozen=True, slots=True)
class DateLayout:
    """One way in which dates are written.

    Parameters
    ----------
    name
        As a message calls it.
    shape
        What a cell looks like; the date is the first group.
    directive
        For ``strptime``; empty for the day numbers of a spreadsheet.
    """

    name: str
    shape: re.Pattern[str]
    directive: str

    def read(self, cells: pd.Series) -> pd.Series:
        """Return dates; ``NaT`` where a cell is not written so, or is no date."""
        text = cells.str.extract(self.shape, expand=False)
        if not self.directive:
            # Day 1 is 1900-01-01, and a 29 February 1900 that never was is counted: from March
            # 1900 on, days are those since 1899-12-30.
            days = pd.to_numeric(text, errors="coerce")
            # Known cells alone: pandas computes with what stands in memory where a number is
            # missing, and warns of its overflow now and then.
            known = pd.Timestamp("1899-12-30") + pd.to_timedelta(days.dropna(), unit="D")
            dates = known.reindex(cells.index)
        else:
            dates = pd.to_datetime(text, format=self.directive, errors="coerce")
        return dates.where(dates.dt.year.between(*YEARS))


def _layout(name: str, shape: str, directive: str) -> DateLayout:
    pattern = rf"^({shape}){_TIME}$" if directive else rf"^({shape})(?:\.0+)?$"
    return DateLayout(name, re.compile(pattern, re.IGNORECASE), directive)


_DAY = r"\d{1,2}"

LAYOUTS: Final[tuple[DateLayout, ...]] = (
    _layout("YYYY-MM-DD", rf"\d{{4}}-{_DAY}-{_DAY}", "%Y-%m-%d"),
    _layout("YYYY/MM/DD", rf"\d{{4}}/{_DAY}/{_DAY}", "%Y/%m/%d"),
    _layout("YYYY.MM.DD", rf"\d{{4}}\.{_DAY}\.{_DAY}", "%Y.%m.%d"),
    _layout("YYYYMMDD", r"(?:19|20)\d{6}", "%Y%m%d"),
    *(
        _layout(f"{order}", rf"{_DAY}{re.escape(mark)}{_DAY}{re.escape(mark)}\d{{4}}", directive)
        for mark in "/-."
        for order, directive in (
            (f"DD{mark}MM{mark}YYYY", f"%d{mark}%m{mark}%Y"),
            (f"MM{mark}DD{mark}YYYY", f"%m{mark}%d{mark}%Y"),
        )
    ),
    *(
        _layout(
            f"DD{mark}Mon{mark}YYYY", rf"{_DAY}{mark}{_MONTHS}{mark}\d{{4}}", f"%d{mark}%b{mark}%Y"
        )
        for mark in (" ", "-")
    ),
    _layout("day numbers of a spreadsheet", r"\d{5}", ""),
)
"""Every layout that is read, the preferred one first."""
PARTIAL: Final = re.compile(
    r"^(?:\d{4}|\d{4}[-/.]\d{1,2}|\d{1,2}[-/.]\d{4}|\d{4}[-/.](?:00|[x?]+|un|unk)(?:[-/.].*)?"
    r"|\d{4}[-/.]\d{1,2}[-/.](?:0|00|[x?]+|un|unk)?|(?:00|[x?]+|un|unk)[-/.].*"
    rf"|{_MONTHS}[a-z]*[ -]\d{{4}})$",
    re.IGNORECASE,
)
TWO_DIGIT_YEAR: Final = re.compile(r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{2}$")
