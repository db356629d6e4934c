"""Identifiers and numbers of whatever type a table holds them in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import Problem
from hccbayes.time_zero.episode_columns import identifiers, number_cells

CELLS = [
    pd.Series([1, 2, None], dtype="Int64"),
    pd.Series([1.0, 2.0, np.nan]),
    pd.Series(["1", " 2.0 ", "NA"], dtype=object),
    pd.Series(["1", "2", None], dtype="string"),
    pd.Series(["1", "2", ""], dtype="category"),
    pd.Series([1, 2.0, None], dtype=object),
]


@pytest.mark.parametrize("cells", CELLS, ids=lambda cells: str(cells.dtype))
def test_numbers(cells):
    problems: list[Problem] = []
    values = number_cells(cells, list("abc"), "column x", problems)
    np.testing.assert_array_equal(values, [1.0, 2.0, np.nan])
    assert [(problem.message, problem.rows) for problem in problems] == [("is missing", ("c",))]
    assert number_cells(cells, list("abc"), "column x", problems, missing=True)[1] == 2.0
    assert len(problems) == 1


def test_truth_values_are_numbers():
    assert number_cells(pd.Series([True, False]), list("ab"), "x", []).tolist() == [1.0, 0.0]


def test_numbers_at_fault_by_line():
    problems: list[Problem] = []
    cells = pd.Series(["1,5", "inf", "3", "2015-01-01"], dtype=object)
    values = number_cells(cells, ["a", "a", "b", "c"], "column x", problems)
    np.testing.assert_array_equal(values, [np.nan, np.nan, 3.0, np.nan])
    assert problems[0].rows == ("a (line 1)", "c")
    assert problems[1].rows == ("a (line 2)",)


def test_identifiers():
    problems: list[Problem] = []
    found = identifiers(pd.Series([7.0, 8.0, np.nan]), "column id", problems)
    assert found.tolist() == ["7", "8", ""]
    assert problems[0].rows == ("line 3",)
    assert identifiers(pd.Series([" a", 7], dtype=object), "x", problems).tolist() == ["a", "7"]
