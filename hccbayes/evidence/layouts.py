"""What an audit file looks like, and what is wrong with one.

A layout names the columns of one kind of table and what each may hold. Cells are read as text,
because the digits printed are part of a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from hccbayes.errors import InputError, Problem
from hccbayes.evidence.printed import parse

Unreadable = Literal["error", "report"]

INTERVAL_PROBS: Final = (0.90, 0.95, 0.99)
"""Probabilities of the intervals that are printed in this field."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of one kind of audit table.

    Parameters
    ----------
    required
        Columns that must be there.
    optional
        Columns that make more checks possible; they are empty where they are absent.
    numbers
        Columns, of either sort, that hold printed numbers.
    filled
        Columns that may not have an empty cell.
    choices
        Words a column may hold; an empty cell is allowed unless the column is `filled`.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    numbers: frozenset[str]
    filled: frozenset[str]
    choices: dict[str, tuple[str, ...]]

    @property
    def columns(self) -> tuple[str, ...]:
        """Required and optional columns."""
        return self.required + self.optional


_ARMS: Final = ("treated", "control", "overall")

LAYOUTS: Final[dict[str, Layout]] = {
    "hazard_ratios": Layout(
        required=("study", "endpoint", "hr", "lower", "upper"),
        optional=(
            *("source", "analysis_set", "adjusted", "term", "covariate", "level", "coding"),
            *("numerator", "denominator", "treated_label", "control_label", "interval_prob", "p"),
            *("n_treated", "n_control", "events_treated", "events_control", "events_at_most"),
            *("median_treated", "median_control"),
        ),
        numbers=frozenset(
            {"hr", "lower", "upper", "p", "interval_prob", "n_treated", "n_control"}
            | {"events_treated", "events_control", "events_at_most"}
            | {"median_treated", "median_control"}
        ),
        filled=frozenset({"study", "endpoint"}),
        choices={
            "adjusted": ("yes", "no"),
            "term": ("treatment", "covariate"),
            "coding": ("binary", "continuous"),
        },
    ),
    "baseline": Layout(
        required=("study", "variable", "level", "arm", "arm_total"),
        optional=(
            *("kind", "analysis_set", "count", "percent", "mean", "sd"),
            *("median", "q1", "q3", "p", "smd"),
        ),
        numbers=frozenset(
            {"arm_total", "count", "percent", "mean", "sd", "median", "q1", "q3", "p", "smd"}
        ),
        filled=frozenset({"study", "variable", "arm", "arm_total"}),
        choices={"arm": _ARMS},
    ),
    "event_counts": Layout(
        required=("study", "group", "category", "arm", "total", "percent"),
        optional=("analysis_set", "arm_label", "count", "p"),
        numbers=frozenset({"count", "total", "percent", "p"}),
        filled=frozenset({"study", "group", "arm", "total"}),
        choices={"arm": (*_ARMS, "single")},
    ),
    "survival_rates": Layout(
        required=("study", "endpoint", "arm", "n", "month", "percent"),
        optional=("analysis_set", "median"),
        numbers=frozenset({"n", "month", "percent", "median"}),
        filled=frozenset({"study", "endpoint", "arm", "month"}),
        choices={"arm": (*_ARMS, "single")},
    ),
    "medians": Layout(
        required=("study", "endpoint", "arm", "median"),
        optional=(
            *("source", "analysis_set", "arm_label", "n", "events", "events_percent"),
            *("median_lower", "median_upper"),
        ),
        numbers=frozenset(
            {"n", "events", "events_percent", "median", "median_lower", "median_upper"}
        ),
        filled=frozenset({"study", "endpoint", "arm"}),
        choices={"arm": (*_ARMS, "single")},
    ),
}
"""Layouts by the name that ``audit(kind=...)`` takes."""


def layout_of(kind: str) -> Layout:
    """Return the layout of one kind of table.

    Raises
    ------
    InputError
        If the kind is unknown; the message lists the known ones.
    """
    if kind not in LAYOUTS:
        raise InputError(
            Problem("kind", f"unknown kind {kind!r}; choose from {', '.join(LAYOUTS)}")
        )
    return LAYOUTS[kind]


def kind_of(data: pd.DataFrame | str | Path) -> str:
    """Return the kind of table whose required columns are all there.

    Raises
    ------
    InputError
        If no kind fits; the message says what is missing from the nearest one.
    """
    frame, source = _table(data)
    names = {str(column) for column in frame.columns}
    missing = {
        kind: [column for column in layout.required if column not in names]
        for kind, layout in LAYOUTS.items()
    }
    fits = [kind for kind, columns in missing.items() if not columns]
    if fits:
        return max(fits, key=lambda kind: len(LAYOUTS[kind].required))
    nearest = min(missing, key=lambda kind: len(missing[kind]) / len(LAYOUTS[kind].required))
    problems = [Problem(f"column {column}", "is not in the table") for column in missing[nearest]]
    hint = f"looks like {nearest}; the kinds are {', '.join(LAYOUTS)}"
    raise InputError([*problems, Problem("kind", hint)], source=source)


def read_cells(data: pd.DataFrame | str | Path, kind: str) -> tuple[pd.DataFrame, str]:
    """Return a table as text with every column of its layout, and what to call it.

    Parameters
    ----------
    data
        A frame or the path of a CSV file (UTF-8, comma-separated).
    kind
        Which layout it has.

    Returns
    -------
    frame : pandas.DataFrame
        The layout's columns as text, stripped, empty where nothing is printed; the index is the
        line below the header, counted from 1. Other columns are left out.
    source : str
        The file's name, or ``DataFrame``.

    Raises
    ------
    InputError
        If the file cannot be read, has no row, or a required column is absent or stands twice.
    """
    frame, source = _table(data)
    layout = layout_of(kind)
    names = [str(column) for column in frame.columns]
    problems = [_absent(column, names) for column in layout.required if column not in names]
    problems += [
        Problem(f"column {name}", f"stands {names.count(name)} times; keep one")
        for name in layout.columns
        if names.count(name) > 1
    ]
    if not problems and len(frame) == 0:
        problems.append(Problem("table", "has no row"))
    if problems:
        raise InputError(problems, source=source)
    frame = frame.set_axis(names, axis="columns").reindex(columns=list(layout.columns))
    cells = frame.map(cell_text)
    return cells.set_axis(pd.RangeIndex(1, len(cells) + 1), axis="index"), source


def readable_cells(data: pd.DataFrame | str | Path, kind: str) -> pd.DataFrame:
    """Return the cells of a table without a fault.

    Raises
    ------
    InputError
        If the table cannot be read or a cell is at fault; every fault is listed with its line,
        study and column.
    """
    cells, source = read_cells(data, kind)
    faults = cell_faults(cells, layout_of(kind))
    if faults:
        raise InputError(fault_problems(cells, faults), source=source)
    return cells


def _table(data: pd.DataFrame | str | Path) -> tuple[pd.DataFrame, str]:
    if isinstance(data, pd.DataFrame):
        return data, "DataFrame"
    path = Path(data)
    if not path.is_file():
        raise InputError(Problem("file", "is not there"), source=str(path))
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig"), path.name
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        problem = Problem("file", f"cannot be read as a CSV table: {error}")
        raise InputError(problem, source=path.name) from error


def cell_text(cell: object) -> str:
    """Return a cell as stripped text, empty where there is nothing."""
    if isinstance(cell, float):
        return "" if pd.isna(cell) else f"{cell:.15g}"
    return "" if cell is None or cell is pd.NA else str(cell).strip()


def _absent(column: str, names: list[str]) -> Problem:
    close = get_close_matches(column, names, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"columns are {', '.join(names) or 'none'}"
    return Problem(f"column {column}", f"is not in the table; {hint}")


@dataclass(frozen=True, slots=True)
class CellFault:
    """A cell that cannot be used: its line below the header, its column, and why."""

    line: int
    column: str
    text: str
    message: str


def cell_faults(cells: pd.DataFrame, layout: Layout) -> list[CellFault]:
    """Return cells that are empty, no number, an unknown word or out of range, line by line."""
    faults = []
    for column in layout.columns:
        for line, text in cells[column].items():
            message = _fault(column, text, layout)
            if message:
                faults.append(CellFault(int(str(line)), column, text, message))
    if {"lower", "upper"} <= set(layout.columns):
        faults += _reversed(cells, "lower", "upper")
    if {"median_lower", "median_upper"} <= set(layout.columns):
        faults += _reversed(cells, "median_lower", "median_upper")
    return sorted(faults, key=lambda fault: fault.line)


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
        return str(error)
    return "" if found is None else _out_of_range(column, text, found.value)


def _out_of_range(column: str, text: str, value: float) -> str:
    if column == "interval_prob" and not any(abs(value - known) < 1e-9 for known in INTERVAL_PROBS):
        known = ", ".join(f"{prob:.2f}" for prob in INTERVAL_PROBS)
        return f"is {text}; an interval's probability is one of {known}"
    if column == "hr" and value <= 0:
        return f"is {text}; a hazard ratio is positive"
    if column in {"lower", "upper"} and value < 0:
        return f"is {text}; the limit of a hazard ratio is not negative"
    if column == "p" and not 0 <= value <= 1:
        return f"is {text}; a p value lies between 0 and 1"
    counts = {"count", "arm_total", "total", "n", "sd", "month"}
    if column in counts and value < 0:
        return f"is {text}; it cannot be negative"
    return ""


def _reversed(cells: pd.DataFrame, lower: str, upper: str) -> list[CellFault]:
    faults = []
    for line, low, high in zip(cells.index, cells[lower], cells[upper], strict=True):
        try:
            ends = parse(low), parse(high)
        except ValueError:
            continue
        if ends[0] and ends[1] and ends[0].low > ends[1].high:
            message = f"interval is reversed: {low} to {high}"
            faults.append(CellFault(int(line), f"{lower}, {upper}", f"{low}-{high}", message))
    return faults


def fault_problems(cells: pd.DataFrame, faults: Iterable[CellFault]) -> list[Problem]:
    """Return one problem a fault, which names the line, the study and the column."""
    studies = cells["study"].to_dict()
    return [
        Problem(
            f"line {fault.line} ({studies[fault.line] or 'no study'}), column {fault.column}",
            fault.message,
        )
        for fault in faults
    ]
