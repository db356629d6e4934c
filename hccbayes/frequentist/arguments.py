"""Arguments that many functions take, checked in one place and in the same words."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem

FloatArray = NDArray[np.float64]

Number = float | int | np.floating | np.integer


def is_number(value: object) -> TypeGuard[Number]:
    """Return whether a value is one real number, infinities and ``nan`` among them."""
    return isinstance(value, Number)


def numbers(values: ArrayLike, what: str) -> FloatArray:
    """Return values as floats.

    Parameters
    ----------
    values
        What was given; objects are taken where each is a number.
    what
        Name of the argument.

    Raises
    ------
    InputError
        If one is no number.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(Problem(what, "must be plain numbers, not text")) from None


def term_values(frame: pd.DataFrame) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the terms of a model as an array, shape ``(rows, terms)``, and their names.

    Parameters
    ----------
    frame
        One column a term.

    Raises
    ------
    InputError
        If a name stands twice, or a column holds text, missing or infinite values; all at once.
    """
    terms = tuple(str(column) for column in frame.columns)
    twice = [str(column) for column in frame.columns[frame.columns.duplicated()]]
    problems = [Problem(f"term {term}", "stands among the columns twice") for term in twice]
    kinds = zip(terms, frame.dtypes, strict=True)
    text = {term for term, kind in kinds if not pd.api.types.is_numeric_dtype(kind)}
    problems += [
        Problem(f"term {term}", "is no number; make its levels columns of 0/1")
        for term in terms
        if term in text
    ]
    for position, term in enumerate(terms):
        if term in text:
            continue
        own = frame.iloc[:, position].to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isfinite(own).all():
            problems.append(Problem(f"term {term}", "has missing or infinite values"))
    if problems:
        raise InputError(problems)
    return frame.to_numpy(dtype=np.float64), terms


def prob_problems(prob: object, name: str = "prob") -> list[Problem]:
    """Return what is wrong with the probability of an interval; nothing where it is one.

    Parameters
    ----------
    prob
        What was given.
    name
        Name of the argument.
    """
    if is_number(prob) and 0 < prob < 1:
        return []
    return [Problem(name, f"must lie between 0 and 1, not {prob!r}")]


def check_prob(prob: object) -> None:
    """Raise where the probability of an interval is none.

    Raises
    ------
    InputError
        If it is no number within (0, 1).
    """
    if problems := prob_problems(prob):
        raise InputError(problems)


def check_known(name: str, value: object, known: Collection[str]) -> None:
    """Raise where the name of a choice is not among those known.

    Raises
    ------
    InputError
        With the names there are.
    """
    if value not in known:
        listed = ", ".join(known)
        raise InputError(Problem(name, f"unknown {name} {value!r}; choose from {listed}"))
