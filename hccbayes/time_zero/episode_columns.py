"""Columns of tables of patients, visits and episodes, read once with every fault named."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.cohort.checks import listed
from hccbayes.cohort.values import MISSING_TEXT
from hccbayes.errors import InputError, Problem

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SAME_TIME: Final = 1e-6
"""Times of a patient closer than this, in the unit of the table, are one time.

2.6 seconds where the unit is a month. A visit and a treatment on one day that were turned into
months in two ways would otherwise be split into an episode of the length of a rounding error.
"""


def demand_columns(tables: Mapping[str, tuple[pd.DataFrame, Sequence[str]]]) -> None:
    """Raise if a table lacks a column or has it twice.

    Parameters
    ----------
    tables
        By what a table is called: the table and the columns it must have.

    Raises
    ------
    InputError
        With one problem a column, for all tables at once.
    """
    problems = []
    for name, (frame, columns) in tables.items():
        present = [str(column) for column in frame.columns]
        if len(present) == 1 and ";" in present[0]:
            message = "has one column, which seems to be separated by semicolons; use commas"
            problems.append(Problem(name, message))
            continue
        for column in dict.fromkeys(columns):
            count = present.count(column)
            if count == 0:
                close = get_close_matches(column, present, n=1)
                hint = (
                    f"did you mean `{close[0]}`?" if close else f"columns are {listed(present, 20)}"
                )
                problems.append(Problem(f"{name}, column {column}", f"is not there; {hint}"))
            elif count > 1:
                message = f"stands {count} times; keep one"
                problems.append(Problem(f"{name}, column {column}", message))
    if problems:
        raise InputError(problems)


def identifiers(cells: pd.Series, where: str, problems: list[Problem]) -> pd.Series:
    """Return identifiers as text; a missing one is a problem.

    Parameters
    ----------
    cells
        One cell a row. Whole numbers, ``17.0`` among them, are written without a decimal point.
    where
        What the column is called in a problem.
    problems
        Faults are added to it.

    Returns
    -------
    pandas.Series
        Text with the index 0, 1, ...; empty where an identifier is missing.
    """
    raw = cells.reset_index(drop=True)
    codes, distinct = pd.factorize(raw)
    names = np.array([*(_name(value) for value in distinct), ""], dtype=object)
    text = pd.Series(names[codes], dtype=object)
    empty = text == ""
    if empty.any():
        rows = tuple(f"line {row + 1}" for row in np.flatnonzero(empty))
        problems.append(Problem(where, "the patient's identifier is missing", rows))
    return text


def _name(value: Hashable) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def number_cells(
    cells: pd.Series,
    patients: Sequence[str] | NDArray[Any] | pd.Series,
    where: str,
    problems: list[Problem],
    *,
    missing: bool = False,
) -> FloatArray:
    """Return a column as numbers; text, infinite and missing values are problems.

    Parameters
    ----------
    cells
        One cell a row.
    patients
        Identifier of each row.
    where
        What the column is called in a problem.
    problems
        Faults are added to it.
    missing
        Whether a value may be missing.

    Returns
    -------
    ndarray
        ``nan`` where there is no number.
    """
    raw = cells.reset_index(drop=True)
    blank = raw.isna()
    if raw.dtype.kind == "O":  # Text and categories of pandas are of this kind as well.
        raw = raw.astype(object)
        blank |= raw.map(lambda cell: isinstance(cell, str) and cell.strip() in MISSING_TEXT)
        raw = raw.mask(blank, None)
    if raw.dtype.kind in "mM":
        named_cells(
            where,
            "holds dates or spans; numbers of one unit are needed",
            patients,
            ~blank,
            problems,
        )
        return np.full(len(raw), np.nan)
    values = pd.to_numeric(raw, errors="coerce").to_numpy(np.float64, na_value=np.nan, copy=True)
    text = np.isnan(values) & ~blank.to_numpy()
    if text.any():
        found = listed(raw[text])
        named_cells(
            where, f"holds text where a number is needed: {found}", patients, text, problems
        )
    infinite = np.isinf(values)
    named_cells(where, "is infinite", patients, infinite, problems)
    values[infinite] = np.nan
    if not missing:
        named_cells(where, "is missing", patients, blank.to_numpy(), problems)
    return values


def zero_one(
    values: FloatArray,
    patients: Sequence[str] | NDArray[Any] | pd.Series,
    where: str,
    problems: list[Problem],
) -> None:
    """Add a problem where a number is neither 0 nor 1.

    Parameters
    ----------
    values, patients
        A number (``nan`` is passed over) and an identifier a row.
    where
        What the column is called in a problem.
    problems
        Faults are added to it.
    """
    other = ~np.isin(values, (0.0, 1.0)) & ~np.isnan(values)
    found = listed(f"{value:g}" for value in values[other])
    named_cells(where, f"must be 0 or 1, found {found}", patients, other, problems)


def named(
    where: str,
    message: str,
    patients: Sequence[str] | NDArray[Any] | pd.Series,
    mask: BoolArray | pd.Series,
    problems: list[Problem],
) -> None:
    """Add a problem that names the patients of the rows in a mask, each once; none if it is empty.

    Parameters
    ----------
    where, message
        As in :class:`hccbayes.errors.Problem`.
    patients
        Identifier of each row.
    mask
        Rows concerned.
    problems
        The problem is added to it.
    """
    rows = np.flatnonzero(np.asarray(mask))
    if rows.size:
        ids = distinct(np.asarray(patients, dtype=object)[rows])
        problems.append(Problem(where, message, ids))


def cell_rows(
    patients: Sequence[str] | NDArray[Any] | pd.Series, mask: BoolArray | pd.Series
) -> tuple[str, ...]:
    """Return what the rows in a mask are called, one by one.

    Parameters
    ----------
    patients
        Identifier of each row.
    mask
        Rows concerned.

    Returns
    -------
    tuple of str
        The identifier; with the number of the row below the header, ``P7 (line 12)``, where a
        patient has several rows.
    """
    ids = pd.Series(np.asarray(patients, dtype=object))
    shared = ids.duplicated(keep=False).to_numpy()
    return tuple(
        f"{ids[row]} (line {row + 1})" if shared[row] else str(ids[row])
        for row in np.flatnonzero(np.asarray(mask))
    )


def named_cells(
    where: str,
    message: str,
    patients: Sequence[str] | NDArray[Any] | pd.Series,
    mask: BoolArray | pd.Series,
    problems: list[Problem],
) -> None:
    """Add a problem that names the rows in a mask one by one, by patient and line.

    Parameters
    ----------
    where, message, patients, mask, problems
        As in :func:`named`.
    """
    rows = cell_rows(patients, mask) if np.asarray(mask).any() else ()
    if rows:
        problems.append(Problem(where, message, rows))


def distinct(values: Iterable[object]) -> tuple[str, ...]:
    """Return each value once as text, in order of appearance."""
    return tuple(dict.fromkeys(str(value) for value in values))
