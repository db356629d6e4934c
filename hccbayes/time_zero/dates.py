"""Columns of dates: one layout in the whole column, found from the data, or every fault named.

``04/03/2012`` is the fourth of March or the third of April. No cell can say which; the column can,
if another cell has a day above 12. A column that can be read in two ways is refused, and so is one
in which some cells are written one way and some another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.cohort.checks import counted, listed
from hccbayes.cohort.values import MISSING_TEXT
from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.episode_columns import cell_rows

YEARS: Final = (1900, 2100)
"""First and last year a date is believed in."""
_EXAMPLES: Final = 3
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
            dates = pd.Timestamp("1899-12-30") + pd.to_timedelta(days, unit="D")
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

_PARTIAL: Final = re.compile(
    r"^(?:\d{4}|\d{4}[-/.]\d{1,2}|\d{1,2}[-/.]\d{4}|\d{4}[-/.](?:00|[x?]+|un|unk)(?:[-/.].*)?"
    r"|\d{4}[-/.]\d{1,2}[-/.](?:0|00|[x?]+|un|unk)?|(?:00|[x?]+|un|unk)[-/.].*"
    rf"|{_MONTHS}[a-z]*[ -]\d{{4}})$",
    re.IGNORECASE,
)
_TWO_DIGIT_YEAR: Final = re.compile(r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{2}$")


@dataclass(frozen=True, slots=True, eq=False)
class Dates:
    """A column of dates as it was read.

    Parameters
    ----------
    values
        Days without time of day, one a row, index 0, 1, ...; ``NaT`` where one may be missing.
    layout
        How they were written.
    """

    values: pd.Series
    layout: str


def read_dates(
    column: pd.Series,
    patients: Sequence[str] | pd.Series,
    *,
    name: str = "",
    layout: str = "",
    missing: bool = False,
) -> Dates:
    """Read dates that are written in one layout throughout.

    Parameters
    ----------
    column
        Text, ``datetime64``, dates of Python, or day numbers of a spreadsheet (of its 1900
        system). A time of day is dropped.
    patients
        Identifier of each row, for messages.
    name
        What the column is called; its own name where empty.
    layout
        A name of :data:`LAYOUTS` where the data cannot tell; found from the data where empty.
    missing
        Whether a date may be missing.

    Returns
    -------
    Dates
        The days, and the layout they were found in.

    Raises
    ------
    InputError
        With every fault and its patients: cells in another layout than the others, with examples
        of both; a column that can be read in two ways; days that never were; dates without day or
        month; other text; missing dates that may not be.
    """
    problems: list[Problem] = []
    dates = find_dates(column, patients, problems, name=name, layout=layout, missing=missing)
    if problems:
        raise InputError(problems)
    return dates


def find_dates(
    column: pd.Series,
    patients: Sequence[str] | pd.Series,
    problems: list[Problem],
    *,
    name: str = "",
    layout: str = "",
    missing: bool = False,
) -> Dates:
    """Read dates as :func:`read_dates` does, adding its problems to a list.

    Parameters
    ----------
    column, patients, name, layout, missing
        As in :func:`read_dates`.
    problems
        Faults are added to it.

    Returns
    -------
    Dates
        ``NaT`` where a cell is at fault.
    """
    where = f"column {name or column.name}"
    known = {one.name: one for one in LAYOUTS}
    if layout and layout not in known:
        message = f"unknown layout {layout!r}; choose from {', '.join(known)}"
        raise InputError(Problem(where, message))
    ids = np.asarray(patients, dtype=object)
    raw = column.reset_index(drop=True)
    blank = raw.isna()
    if raw.dtype.kind == "M":
        values, found = _naive(raw), "dates"
    else:
        cells, blank = _cells(raw)
        codes, texts = pd.factorize(cells)
        reading = _Reading(where, pd.Series(texts, dtype=object), codes, ids, problems)
        each, found = reading.read(known.get(layout))
        values = each.reindex(codes).reset_index(drop=True)
    if blank.any() and not missing:
        rows = cell_rows(ids, blank)
        problems.append(Problem(where, f"{counted(int(blank.sum()), 'date')} missing", rows))
    return Dates(values, found)


def months_between(start: pd.Series, end: pd.Series) -> pd.Series:
    """Return months from one day to another: days / 30.4375.

    Parameters
    ----------
    start, end
        Days, as :class:`Dates` holds them.
    """
    days = (end - start).dt.total_seconds() / 86_400
    return days * defaults.MONTHS_PER_UNIT["days"]


def _naive(raw: pd.Series) -> pd.Series:
    local = raw.dt.tz_localize(None) if raw.dt.tz is not None else raw
    return local.dt.normalize().astype("datetime64[ns]")


def _cells(raw: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return cells as stripped text, and which are missing."""
    text = raw.map(_text)
    blank = text.isna() | text.isin(list(MISSING_TEXT))
    return text.where(~blank, None), blank


def _text(cell: Any) -> str | None:
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and np.isnan(cell)):
        return None
    if isinstance(cell, date):  # A datetime and a Timestamp are dates as well.
        return cell.strftime("%Y-%m-%d")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """The distinct cells of a column, and what is said of them."""

    where: str
    texts: pd.Series
    codes: NDArray[np.intp]
    ids: NDArray[Any]
    problems: list[Problem]

    def read(self, wanted: DateLayout | None) -> tuple[pd.Series, str]:
        """Return the date of each distinct cell, and the layout's name."""
        if self.texts.empty:
            return pd.Series(pd.NaT, index=self.texts.index, dtype="datetime64[ns]"), ""
        layouts = LAYOUTS if wanted is None else (wanted,)
        read = {one.name: one.read(self.texts) for one in LAYOUTS}
        rows = np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))
        held = {one.name: int(rows[read[one.name].notna()].sum()) for one in layouts}
        most = max(held.values())
        best = [name for name, count in held.items() if count == most]
        chosen = best[0]
        self._ambiguous(best, read, most)
        self._others(chosen, read)
        return read[chosen], chosen

    def _say(self, message: str, mask: NDArray[np.bool_]) -> None:
        codes = np.flatnonzero(mask)
        self.problems.append(
            Problem(self.where, message, cell_rows(self.ids, np.isin(self.codes, codes)))
        )

    def _shown(self, mask: NDArray[np.bool_]) -> str:
        return listed(self.texts[mask], _EXAMPLES)

    def _ambiguous(self, best: Sequence[str], read: dict[str, pd.Series], most: int) -> None:
        """Add a problem where several layouts read as many cells and disagree on a date."""
        if most == 0 or len(best) < 2:
            return
        first, second = read[best[0]], read[best[1]]
        differ = ((first != second) & first.notna() & second.notna()).to_numpy()
        apart = (first.isna() != second.isna()).to_numpy()
        if apart.any():  # Neither reads all: each cell that one alone reads is named below.
            return
        if differ.any():
            example = self.texts[differ].iloc[0]
            readings = " or ".join(
                f"{one[differ].iloc[0]:%Y-%m-%d} as {name}"
                for name, one in zip(best, (first, second), strict=False)
            )
            message = (
                f"can be read in two ways: {example!r} is {readings}, and no cell decides; "
                "write dates as YYYY-MM-DD, or name the layout"
            )
            self._say(message, differ)

    def _others(self, chosen: str, read: dict[str, pd.Series]) -> None:
        """Add a problem for each kind of cell that the chosen layout cannot read."""
        unread = read[chosen].isna().to_numpy()
        ours = self._shown(~unread)
        for name, dates in read.items():
            theirs = unread & dates.notna().to_numpy()
            if theirs.any():
                beside = f" beside {chosen} ({ours})" if ours else f"; {chosen} is asked for"
                message = f"dates are written as {name} ({self._shown(theirs)}){beside}; use one"
                self._say(message, theirs)
                unread &= ~theirs
        kinds = {
            "lack the day or the month, which is not made up": self._match(_PARTIAL),
            "have a year of two digits; write four": self._match(_TWO_DIGIT_YEAR),
            f"are no day of the calendar from {YEARS[0]} to {YEARS[1]}": self._shaped(),
        }
        for message, mask in kinds.items():
            if (unread & mask).any():
                self._say(f"dates {message}: {self._shown(unread & mask)}", unread & mask)
                unread = unread & ~mask
        if unread.any():
            message = f"holds text where a date is needed: {self._shown(unread)}"
            self._say(f"{message}; write dates as YYYY-MM-DD", unread)

    def _match(self, pattern: re.Pattern[str]) -> NDArray[np.bool_]:
        return self.texts.str.match(pattern).to_numpy(dtype=bool)

    def _shaped(self) -> NDArray[np.bool_]:
        matches = [self._match(one.shape) for one in LAYOUTS]
        return np.logical_or.reduce(matches)
