"""Columns of dates: one layout in the whole column, found from the data, or every fault named.

``04/03/2012`` is the fourth of March or the third of April. No cell can say which; the column can,
if another cell has a day above 12. A column that can be read in two ways is refused, and so is one
in which some cells are written one way and some another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from hccbayes import defaults
from hccbayes.cohort.checks import counted
from hccbayes.cohort.values import MISSING_TEXT
from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.date_cells import DistinctCells
from hccbayes.time_zero.date_layouts import LAYOUTS
from hccbayes.time_zero.episode_columns import cell_rows


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
        A name of :data:`hccbayes.time_zero.date_layouts.LAYOUTS` where the data
        cannot tell; found from the data where empty.
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
        reading = DistinctCells(where, pd.Series(texts, dtype=object), codes, ids, problems)
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
