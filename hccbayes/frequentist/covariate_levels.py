"""Covariates as papers show them: levels to be counted, or numbers to be averaged."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from hccbayes.errors import InputError, Problem

MOST_LEVELS: Final = 5
"""Whole numbers with at most as many values, such as ECOG status, are counted by level."""


def is_counted(column: pd.Series) -> bool:
    """Return whether a covariate is counted by level: text, 0/1, or few whole numbers."""
    if not _is_number(column):
        return True
    values = column.to_numpy(dtype=np.float64)
    whole = bool((values == np.round(values)).all())
    return whole and column.nunique() <= MOST_LEVELS


def counted_levels(column: pd.Series) -> pd.Series:
    """Return a counted covariate's levels as an ordered category of text.

    Levels in the order of the category or of their numbers, text sorted; without those nobody has.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        order = [level for level in column.cat.categories if (column == level).any()]
    else:
        order = _sorted(column)
    names = [_level_name(level) for level in order]
    labels = pd.Categorical(column.map(_level_name), categories=names, ordered=True)
    return pd.Series(labels, index=column.index, name=column.name)


def subgroup_levels(column: pd.Series) -> pd.Series:
    """Return the levels by which a forest plot splits patients; numbers are split at the median."""
    if is_counted(column):
        return counted_levels(column)
    median = float(column.median())
    names = [f"up to {median:g}", f"above {median:g}"]
    above = (column.to_numpy(dtype=np.float64) > median).astype(int)
    held = [name for place, name in enumerate(names) if (above == place).any()]
    labels = [names[place] for place in above]
    levels = pd.Categorical(labels, categories=held, ordered=True)
    return pd.Series(levels, index=column.index, name=column.name)


def check_columns(frame: pd.DataFrame) -> None:
    """Raise where there is no column, or two have one name.

    Raises
    ------
    InputError
        Naming each column.
    """
    problems = [
        Problem(f"column {name}", "stands in the data twice; keep one")
        for name in frame.columns[frame.columns.duplicated()].unique()
    ]
    if frame.columns.empty:
        problems.append(Problem("columns", "there is none; a variable is needed"))
    if problems:
        raise InputError(problems)


def check_complete(frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Raise where a column is not in the frame, or a patient has no value in it.

    Raises
    ------
    InputError
        Naming each column, and the rows without a value.
    """
    problems = []
    for name in columns:
        if name not in frame:
            known = ", ".join(map(str, frame.columns))
            problems.append(Problem(f"column {name}", f"is not in the data; there are {known}"))
        elif frame[name].isna().any():
            rows = tuple(str(row) for row in frame.index[frame[name].isna()])
            message = "has missing values; give them a level of their own or exclude the patients"
            problems.append(Problem(f"column {name}", message, rows))
    if problems:
        raise InputError(problems)


def check_numbers(frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Raise where there is no patient, or a column is not there, has gaps or is no number.

    Raises
    ------
    InputError
        Naming each column.
    """
    check_complete(frame, columns)
    problems = [
        Problem(f"column {name}", f"must hold numbers, not {frame[name].dtype}")
        for name in columns
        if not _is_number(frame[name])
    ]
    if frame.empty:
        problems.append(Problem("data", "there is no patient"))
    if problems:
        raise InputError(problems)


def _sorted(column: pd.Series) -> list[object]:
    """Return a column's values in order; numbers before text where it has both."""
    values = column.unique().tolist()
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=lambda value: (isinstance(value, str), str(value)))


def _is_number(column: pd.Series) -> bool:
    return not isinstance(column.dtype, pd.CategoricalDtype) and (
        pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    )


def _level_name(level: object) -> str:
    if isinstance(level, float | np.floating) and float(level).is_integer():
        return str(int(level))
    return str(level)
