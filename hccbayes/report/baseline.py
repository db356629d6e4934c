"""The baseline table as Markdown and for the terminal: before and after adjustment side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from hccbayes.balance import BASELINE_COLUMNS
from hccbayes.errors import InputError, Problem
from hccbayes.report.numbers import escape_markdown

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

_WHEN: Final = ("before", "after")
_SMD_DIGITS: Final = 3
_NAME_WIDTH: Final = 24
"""Characters of the first column on a terminal, at least, so that few names are broken."""
_INDENT: Final = "\N{NO-BREAK SPACE}" * 4
"""Markdown would swallow plain spaces before a level."""


def baseline_header(table: pd.DataFrame) -> tuple[str, ...]:
    """Return the titles of the columns of :func:`baseline_rows`."""
    return (
        "variable",
        *(
            title
            for when in _shown(table)
            for title in (f"treated, {when}", f"control, {when}", f"SMD, {when}")
        ),
    )


def baseline_rows(
    table: pd.DataFrame, *, labels: Mapping[str, str] | None = None
) -> list[tuple[str, ...]]:
    """Return the rows of a baseline table as plain text, unescaped.

    Parameters
    ----------
    table
        From :func:`hccbayes.balance.baseline_table`.
    labels
        Words for variables; others stand as they are.

    Returns
    -------
    list of tuple of str
        The variable and what its cells hold, or an indented level; then treated, control and
        standardized mean difference before adjustment, and the same after it where there was one.
        ``-`` where a variable's difference is not estimable.

    Raises
    ------
    InputError
        If a column is absent or there is no row.
    """
    shown = _shown(table)
    words = labels or {}
    rows = []
    whole = ""
    for row in table.to_dict("records"):
        is_level = bool(row["level"])
        whole = whole if is_level else str(row["shown"])
        cells = [_name(row, words, whole)]
        for when in shown:
            cells += [str(row[f"treated_{when}"]), str(row[f"control_{when}"])]
            cells.append(_difference(row, when))
        rows.append(tuple(cells))
    return rows


def baseline_markdown(table: pd.DataFrame, *, labels: Mapping[str, str] | None = None) -> str:
    """Return a baseline table as a Markdown table.

    Parameters
    ----------
    table, labels
        As in :func:`baseline_rows`.
    """
    header = baseline_header(table)
    rows = baseline_rows(table, labels=labels)
    lines = [
        [escape_markdown(title) for title in header],
        ["---", *["---:"] * (len(header) - 1)],
        *[[_escaped_name(row[0]), *map(escape_markdown, row[1:])] for row in rows],
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def baseline_console(
    table: pd.DataFrame, *, title: str = "Baseline", labels: Mapping[str, str] | None = None
) -> Table:
    """Return a baseline table for the terminal.

    Parameters
    ----------
    table, labels
        As in :func:`baseline_rows`.
    title
        Words above the table.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=Text(title), box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    first, *others = baseline_header(table)
    drawn.add_column(first, overflow="fold", min_width=_NAME_WIDTH)
    for name in others:
        drawn.add_column(name, justify="right", overflow="fold")
    for row in baseline_rows(table, labels=labels):
        # As text: a bracket of the data is no markup.
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _shown(table: pd.DataFrame) -> tuple[str, ...]:
    """Return before, and after where something was adjusted."""
    absent = [name for name in BASELINE_COLUMNS if name not in table.columns]
    if absent:
        message = f"columns are absent: {', '.join(absent)}; there must be "
        raise InputError(Problem("baseline table", message + ", ".join(BASELINE_COLUMNS)))
    if table.empty:
        raise InputError(Problem("baseline table", "has no row"))
    adjusted = bool((table[["treated_after", "control_after"]] != "").any(axis=None))
    return _WHEN if adjusted else _WHEN[:1]


def _name(row: Mapping[Any, Any], words: Mapping[str, str], whole: str) -> str:
    """Return the variable with what its cells hold, or the level where it goes without saying."""
    shown = str(row["shown"])
    if not row["level"]:
        return f"{words.get(str(row['variable']), str(row['variable']))}, {shown}"
    level = f"{_INDENT}{row['level']}"
    return level if shown == whole else f"{level}, {shown}"


def _escaped_name(name: str) -> str:
    indent = _INDENT if name.startswith(_INDENT) else ""
    return indent + escape_markdown(name)


def _difference(row: Mapping[Any, Any], when: str) -> str:
    value = float(row[f"smd_{when}"])
    if math.isnan(value):
        is_variable = not row["level"] and row["shown"] != "n"
        return "-" if is_variable else ""
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    # "z" turns a rounded -0.000 into 0.000; the minus is no mark of a list.
    return f"{value:z.{_SMD_DIGITS}f}".replace("-", "\N{MINUS SIGN}")
