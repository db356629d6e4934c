"""The cells of an audit table: read into a layout, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import pandas as pd

from hccbayes.errors import InputError, Problem
from hccbayes.evidence.layouts import INTERVAL_PROBS, LAYOUTS, Layout, layout_of
from hccbayes.evidence.printed import parse
from hccbayes.evidence.text_table import text_table

_INTERVALS: Final = (("lower", "upper"), ("median_lower", "median_upper"))
_MAY_BE_NEGATIVE: Final = frozenset({"mean", "median", "q1", "q3", "smd"})
"""Numbers that may be below zero: a baseline measurement on any scale, and a difference."""


@dataclass(frozen=True, slots=True)
class CellFault:
    """A cell, or the two ends of an interval, that cannot be used: its row, its column, and why."""

    row: int
    column: str
    text: str
    message: str


def kind_of(data: pd.DataFrame | str | Path) -> str:
    """Return the kind of table whose required columns are all there.

    Raises
    ------
    InputError
        If the file cannot be read or no kind fits. Where most columns of one kind are there, the
        message says everything that keeps the table from being of that kind.
    """
    frame, source = text_table(data)
    names = set(frame.columns)
    missing = {
        kind: [column for column in layout.required if column not in names]
        for kind, layout in LAYOUTS.items()
    }
    fits = [kind for kind, columns in missing.items() if not columns]
    if fits:
        return max(fits, key=lambda kind: len(LAYOUTS[kind].required))
    shares = {kind: len(own) / len(LAYOUTS[kind].required) for kind, own in missing.items()}
    nearest = min(shares, key=lambda kind: shares[kind])
    if shares[nearest] > 0.5:
        kinds = "; ".join(f"{kind} ({', '.join(one.required)})" for kind, one in LAYOUTS.items())
        message = f"{', '.join(frame.columns)} fit no kind; the kinds are {kinds}"
        raise InputError(Problem("columns", message), source=source)
    problems = _table_problems(frame, LAYOUTS[nearest])
    hint = f"looks like {nearest}; the kinds are {', '.join(LAYOUTS)}"
    raise InputError([*problems, Problem("kind", hint)], source=source)


def read_cells(data: pd.DataFrame | str | Path, kind: str) -> pd.DataFrame:
    """Return a table as text with every column of its layout, whatever its cells hold.

    Parameters
    ----------
    data
        A frame or the path of a CSV file (UTF-8, comma-separated).
    kind
        Which layout it has.

    Returns
    -------
    pandas.DataFrame
        The layout's columns as text, stripped, empty where nothing is printed; the index is the
        row below the header, counted from 1. Other columns are left out.

    Raises
    ------
    InputError
        If the file cannot be read, has no row, or a required column is absent or stands twice.
    """
    layout = layout_of(kind)
    frame, source = text_table(data)
    problems = _column_problems(frame, layout)
    if problems:
        raise InputError(problems, source=source)
    return _in_layout(frame, layout)


def readable_cells(data: pd.DataFrame | str | Path, kind: str) -> pd.DataFrame:
    """Return the cells of a table without a fault, in the form of :func:`read_cells`.

    Raises
    ------
    InputError
        If the table cannot be read or a cell is at fault; every fault is listed with its row,
        study and column, beside what is wrong with the columns.
    """
    layout = layout_of(kind)
    frame, source = text_table(data)
    problems = _table_problems(frame, layout)
    if problems:
        raise InputError(problems, source=source)
    return _in_layout(frame, layout)


def _table_problems(frame: pd.DataFrame, layout: Layout) -> list[Problem]:
    """Return what is wrong with the columns, and with the cells of those that are there."""
    cells = _in_layout(frame, layout)
    there = [name for name in layout.columns if name in set(frame.columns)]
    faults = cell_faults(cells, layout, there)
    return [*_column_problems(frame, layout), *_fault_problems(cells, faults)]


def _in_layout(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    once = frame.loc[:, ~frame.columns.duplicated()]
    return once.reindex(columns=list(layout.columns), fill_value="")


def _column_problems(frame: pd.DataFrame, layout: Layout) -> list[Problem]:
    names = list(frame.columns)
    problems = [_absent(column, names) for column in layout.required if column not in names]
    problems += [
        Problem(f"column {name}", f"stands {names.count(name)} times; keep one")
        for name in layout.columns
        if names.count(name) > 1
    ]
    if len(frame) == 0:
        problems.append(Problem("table", "has no row below its header"))
    return problems


def _absent(column: str, names: list[str]) -> Problem:
    close = get_close_matches(column, names, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"columns are {', '.join(names) or 'none'}"
    return Problem(f"column {column}", f"is not in the table; {hint}")


def cell_faults(
    cells: pd.DataFrame, layout: Layout, columns: Iterable[str] | None = None
) -> list[CellFault]:
    """Return cells that are empty, no number, an unknown word or out of range, row by row.

    Parameters
    ----------
    cells
        In the form of :func:`read_cells`.
    layout
        What each column may hold.
    columns
        Which of them to look at; all of the layout's without it.
    """
    looked_at = list(layout.columns if columns is None else columns)
    faults = []
    for column in looked_at:
        for row, text in cells[column].items():
            message = _fault(column, text, layout)
            if message:
                faults.append(CellFault(int(str(row)), column, text, message))
    for ends in _INTERVALS:
        if set(ends) <= set(looked_at):
            faults += _interval_faults(cells, *ends)
    return sorted(faults, key=lambda fault: fault.row)


def _fault(column: str, text: str, layout: Layout) -> str:
    if not text:
        return "is empty" if column in layout.filled else ""
    known = layout.choices.get(column, (text,))
    if text not in known:
        return f"is {text!r}; choose from {', '.join(known)}"
    if column not in layout.numbers:
        return ""
    try:
        found = parse(text)
    except ValueError as error:
        hint = "; write it with a decimal point" if text.count(",") == 1 else ""
        return f"{error}{hint}"
    return "" if found is None else _out_of_range(column, text, found.value, layout)


def _out_of_range(column: str, text: str, value: float, layout: Layout) -> str:
    if column == "interval_prob":
        return _unknown_prob(text, value)
    if column == "hr" and value <= 0:
        return f"is {text}; a hazard ratio is positive"
    if column in {"lower", "upper"} and value < 0:
        return f"is {text}; the limit of a hazard ratio is not negative"
    if column == "p" and not 0 <= value <= 1:
        return f"is {text}; a p value lies between 0 and 1"
    is_time = column == "median" and "endpoint" in layout.required
    if value < 0 and (is_time or column not in _MAY_BE_NEGATIVE):
        return f"is {text}; it cannot be negative"
    return ""


def _unknown_prob(text: str, value: float) -> str:
    if any(abs(value - known) < 1e-9 for known in INTERVAL_PROBS):
        return ""
    message = f"is {text}; an interval's probability is one of "
    message += ", ".join(f"{prob:.2f}" for prob in INTERVAL_PROBS)
    if any(abs(value / 100.0 - known) < 1e-9 for known in INTERVAL_PROBS):
        message += f"; write {value / 100.0:.2f}"
    return message


def _interval_faults(cells: pd.DataFrame, lower: str, upper: str) -> list[CellFault]:
    """Return intervals whose ends are reversed, and hazard ratios with one limit alone."""
    faults = []
    for row, low, high in zip(cells.index, cells[lower], cells[upper], strict=True):
        try:
            ends = parse(low), parse(high)
        except ValueError:
            continue
        if ends[0] and ends[1] and ends[0].low > ends[1].high:
            message = f"interval is reversed: {low} to {high}"
            faults.append(CellFault(int(row), f"{lower}, {upper}", f"{low}-{high}", message))
        elif lower == "lower" and (ends[0] is None) != (ends[1] is None):
            absent, given = (lower, upper) if ends[0] is None else (upper, lower)
            message = f"is empty though {given} is {low or high}; fill both or neither"
            faults.append(CellFault(int(row), absent, "", message))
    return faults


def _fault_problems(cells: pd.DataFrame, faults: Iterable[CellFault]) -> list[Problem]:
    """Return one problem a fault, which names the row, the study and the column."""
    studies = cells["study"].to_dict()
    return [
        Problem(
            f"row {fault.row} ({studies[fault.row] or 'no study'}), column {fault.column}",
            fault.message,
        )
        for fault in faults
    ]
