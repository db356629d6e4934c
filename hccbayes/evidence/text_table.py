"""A CSV file, or a frame, as a table of text, and what is wrong with the file.

Cells stay text because the digits printed are part of a number. The standard library's reader is
used: pandas renames a column that stands twice, and takes a row that is too long for one with an
index.
"""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pandas as pd

from hccbayes.errors import InputError, Problem

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def text_table(data: pd.DataFrame | str | Path) -> tuple[pd.DataFrame, str]:
    """Return a table as text, and what to call it.

    Parameters
    ----------
    data
        A frame, or the path of a CSV file (UTF-8, commas between fields, header on top).

    Returns
    -------
    frame : pandas.DataFrame
        Cells as stripped text, empty where nothing stands; column names as they are, the same one
        twice where it stands twice; the index is the row below the header, counted from 1.
    source : str
        The file's name, or ``DataFrame``.

    Raises
    ------
    InputError
        If the file is not there, is empty or not text, or if its rows are not as long as its
        header; every such row is listed.
    """
    if isinstance(data, pd.DataFrame):
        frame, source = data.map(cell_text), "DataFrame"
        frame = frame.set_axis([str(name) for name in data.columns], axis="columns")
    else:
        path = Path(data)
        source = path.name
        frame = parse_csv(_text_of(path), source)
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1), axis="index"), source


def parse_csv(text: str, source: str) -> pd.DataFrame:
    """Return the table that a CSV text holds; lines without any field are passed over.

    Raises
    ------
    InputError
        As :func:`text_table`.
    """
    try:
        lines = [line for line in csv.reader(StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        message = f"is not a CSV table ({error}); is a quotation mark left open?"
        raise InputError(Problem("file", message), source=source) from error
    if not lines:
        message = "is empty; a header and at least one row are needed"
        raise InputError(Problem("file", message), source=source)
    header, *rows = [[field.strip() for field in line] for line in lines]
    problems = _separator_problems(header) or _length_problems(header, rows)
    if problems:
        raise InputError(problems, source=source)
    # Spreadsheets leave columns behind that have neither a name nor a cell.
    kept = [at for at, name in enumerate(header) if name or any(row[at] for row in rows)]
    cells = [[row[at] for at in kept] for row in rows]
    return pd.DataFrame(cells, columns=[header[at] for at in kept], dtype=str)


def cell_text(cell: object) -> str:
    """Return a cell as stripped text, empty where there is nothing."""
    if isinstance(cell, float):
        return "" if pd.isna(cell) else f"{cell:.15g}"
    return "" if cell is None or cell is pd.NA else str(cell).strip()


def _text_of(path: Path) -> str:
    if not path.is_file():
        message = "is a folder; name the CSV file in it" if path.is_dir() else "is not there"
        raise InputError(Problem("file", message), source=str(path))
    content = path.read_bytes()
    if b"\0" in content:
        message = "is binary or UTF-16, not UTF-8 text; save the table as CSV UTF-8"
        raise InputError(Problem("file", message), source=path.name)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = f"is not UTF-8 text (line {line} of the file); save the table as CSV UTF-8"
        raise InputError(Problem("file", message), source=path.name) from error


def _separator_problems(header: list[str]) -> list[Problem]:
    if len(header) > 1:
        return []
    found = [name for mark, name in _OTHER_SEPARATORS.items() if mark in header[0]]
    message = f"has {' and '.join(found)} between its fields; save it with commas"
    return [Problem("file", message)] if found else []


def _length_problems(header: list[str], rows: list[list[str]]) -> list[Problem]:
    problems = []
    for number, row in enumerate(rows, start=1):
        if len(row) == len(header):
            continue
        advice = "put a cell that holds a comma in quotation marks"
        if len(row) < len(header):
            advice = "leave an empty field where nothing is printed"
        message = f"has {len(row)} fields under a header of {len(header)}; {advice}"
        problems.append(Problem(f"row {number}", message))
    return problems
