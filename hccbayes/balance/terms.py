"""What balance is judged on: numeric columns, and factors as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from hccbayes.arms import FloatArray, named, plain_numbers
from hccbayes.errors import InputError, Problem

Kind = Literal["continuous", "binary", "factor"]
Factors = Mapping[str, Sequence[str] | pd.Series]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BalanceTerm:
    """One column or factor.

    Parameters
    ----------
    name
        The column or factor.
    kind
        ``binary`` where every value is 0 or 1, ``continuous``, or ``factor``.
    values
        Numbers, or for a factor the number of the level from 0, shape ``(patients,)``.
    levels
        Labels of a factor's levels.
    """

    name: str
    kind: Kind
    values: FloatArray
    levels: tuple[str, ...] = ()


def balance_terms(
    columns: pd.DataFrame, factors: Factors | None, names: tuple[str, ...]
) -> tuple[BalanceTerm, ...]:
    """Return the terms of numeric columns, then those of factors.

    Parameters
    ----------
    columns
        Numbers, one row a patient.
    factors
        For each factor its dummy columns (with or without one for the reference level), or its
        labels as a series of one label a patient.
    names
        Names of the patients, for errors.

    Raises
    ------
    InputError
        If a column is no number, misses a value, stands there twice, or has another length, or the
        columns of a factor are not its dummies.
    """
    problems = []
    if len(columns) != len(names):
        problems.append(
            Problem("columns", f"one row a patient is needed: {len(names)}, got {len(columns)}")
        )
    problems += [
        Problem(f"column {name}", "is there twice")
        for name in columns.columns[columns.columns.duplicated()]
    ]
    if problems:
        raise InputError(problems)
    own = [column_term(str(name), columns[name], names) for name in columns]
    whole = [
        factor_term(name, parts, names)
        if isinstance(parts, pd.Series)
        else _from_dummies(name, parts, columns, names)
        for name, parts in (factors or {}).items()
    ]
    return (*own, *whole)


def column_term(name: str, column: pd.Series, names: tuple[str, ...]) -> BalanceTerm:
    """Return the term of a numeric column without missing values."""
    values = plain_numbers(column, f"column {name}")
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise InputError(Problem(f"column {name}", "is missing or infinite", named(wrong, names)))
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    return BalanceTerm(name=name, kind="binary" if binary else "continuous", values=values)


def factor_term(name: str, labels: pd.Series, names: tuple[str, ...]) -> BalanceTerm:
    """Return the term of a factor's labels; levels in the order of the category, or sorted."""
    if len(labels) != len(names):
        raise InputError(Problem(f"factor {name}", f"one label a patient is needed: {len(names)}"))
    category = labels.astype("category").cat.remove_unused_categories()
    wrong = category.isna().to_numpy()
    if wrong.any():
        raise InputError(Problem(f"factor {name}", "is missing", named(wrong, names)))
    return BalanceTerm(
        name=name,
        kind="factor",
        values=np.asarray(category.cat.codes, dtype=np.float64),
        levels=tuple(str(level) for level in category.cat.categories),
    )


def _from_dummies(
    name: str, dummies: Sequence[str], columns: pd.DataFrame, names: tuple[str, ...]
) -> BalanceTerm:
    unknown = [dummy for dummy in dummies if dummy not in columns]
    if unknown or not dummies:
        raise InputError(
            Problem(f"factor {name}", f"needs dummy columns; not there: {', '.join(unknown)}")
        )
    table = columns[list(dummies)].to_numpy(dtype=np.float64)
    wrong = ~np.isin(table, (0.0, 1.0)).all(axis=1) | (table.sum(axis=1) > 1)
    if wrong.any():
        raise InputError(
            Problem(
                f"factor {name}",
                "needs columns of 0 and 1, one of them 1 at most",
                named(wrong, names),
            )
        )
    # A patient without a 1 is at the reference level.
    reference = table.sum(axis=1) == 0
    codes = np.where(reference, 0, table.argmax(axis=1) + int(reference.any()))
    levels = (["reference"] if reference.any() else []) + list(dummies)
    return BalanceTerm(
        name=name, kind="factor", values=codes.astype(np.float64), levels=tuple(levels)
    )
