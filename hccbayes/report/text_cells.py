"""Tables as text, and how their cells are written: ratios, p-values, methods, notes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from hccbayes.plots.p_values import p_text
from hccbayes.report.numbers import METHOD_NAMES

INDENT: Final = "\N{NO-BREAK SPACE}" * 2
"""Stands before a level; Markdown would swallow plain spaces."""
_NARROW: Final = 0.05
"""Width of an interval, as in forests, below which a ratio is written with three digits."""
_WORDS: Final[dict[str, str]] = {
    "cox_breslow": "Cox, adjusted, Breslow's ties",
    "cox_efron_robust": "Cox, adjusted, robust variance",
    "cox_efron_cluster": "Cox, adjusted, clustered by center",
    "cox_efron_frailty_gamma": "Cox, gamma center frailties",
    "cox_firth_efron": "Cox, adjusted, Firth's penalty",
    "observed_expected": "Log-rank, observed over expected",
    "peto": "Log-rank, Peto's one step",
    "logrank": "Log-rank",
    "logrank_strata_center": "Log-rank, stratified by center",
    "max_combo": "Max-combo",
}
"""Methods in words that no Bayesian analysis has beside it."""
_WEIGHTED_LOGRANK: Final = re.compile(r"fleming_harrington_([\d.]+)_([\d.]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table of cells as a reader wants them, unescaped.

    Parameters
    ----------
    title
        What it shows.
    header
        Titles of the columns.
    rows
        One text a cell.
    texts
        How many columns, from the left, hold words; the others hold numbers.
    notes
        Why a cell is empty, and what else is to be read with a row.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int
    notes: tuple[str, ...] = ()


def method_words(method: str) -> str:
    """Return a method in words, as it stands where there are none."""
    if found := _WEIGHTED_LOGRANK.fullmatch(method):
        return f"Fleming-Harrington ({found[1]}, {found[2]})"
    return METHOD_NAMES.get(method, _WORDS.get(method, method))


def records(table: pd.DataFrame) -> Iterable[Mapping[Any, Any]]:
    """Return the rows."""
    return table.to_dict("records")


def row_notes(table: pd.DataFrame, *columns: str) -> tuple[str, ...]:
    """Return the notes of rows, each after what names its row."""
    found = []
    for row in records(table[table["note"] != ""]):
        name = " ".join(str(row[column]) for column in columns if row[column])
        found.append(f"{name}: {row['note']}")
    return tuple(dict.fromkeys(found))


def p_cell(value: float, absent: str = "not estimable") -> str:
    """Return a p-value, or what stands in its place."""
    return p_text(float(value)) or absent


def ratio_cell(row: Mapping[Any, Any], name: str = "hr") -> str:
    """Return the ratio in column `name` with its limits."""
    return interval_cell({"estimate": row[name], "lower": row["lower"], "upper": row["upper"]})


def interval_cell(row: Mapping[Any, Any]) -> str:
    """Return a ratio with its limits; three digits where two would make them one."""
    estimate, lower, upper = (float(row[name]) for name in ("estimate", "lower", "upper"))
    if math.isnan(estimate):
        return "not estimable"
    digits = 3 if upper - lower < _NARROW else 2
    limits = "" if math.isnan(lower) else f" ({lower:.{digits}f} to {upper:.{digits}f})"
    return f"{estimate:.{digits}f}{limits}"
