"""The published numbers: what was printed, what it is read as, and what may be used."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import pandas as pd

from hccbayes.errors import InputError, Problem
from hccbayes.evidence.audit import audit
from hccbayes.evidence.effects import oriented_effects
from hccbayes.evidence.findings import ALARMS
from hccbayes.evidence.printed import is_number, number
from hccbayes.evidence.schemas import table_problems
from hccbayes.evidence.table_specs import TABLES, TableSpec, table_spec
from hccbayes.evidence.text_table import parse_csv, text_table

TARGETS: Final = "audit_targets"
"""Package file that says which finding of the audit shows which known inconsistency."""


def table(name: str, *, usable_only: bool = True) -> pd.DataFrame:
    """Return a table of published numbers.

    Parameters
    ----------
    name
        One of :data:`TABLES`: ``hazard_ratios``, ``baseline``, ``outcomes``, ``survival_rates``,
        ``responses``, ``adverse_events``, ``progression_patterns``, ``exposure``,
        ``study_designs``, ``derived_effects``, ``inconsistencies`` or ``studies``.
    usable_only
        Whether rows that cannot be used are left out; with ``False`` they are there, ``use`` is
        ``no`` and ``reason`` says why.

    Returns
    -------
    pandas.DataFrame
        One row a printed number or set of numbers. A column ``x`` that was printed is a number
        after its repair, ``nan`` where nothing is printed and infinite where a time is not
        reached; ``printed_x`` is its text. Times in months. Of ``hazard_ratios``, effects are
        treated over control, with ``log_hr``, ``se``, ``min_events``, and ``flags``, the alarms of
        the audit; a covariate is numerator over denominator. Of ``survival_rates``, ``percent`` is
        ``nan`` where the printed rate is a number at risk. Of ``inconsistencies``, ``found_by`` is
        ``program`` or ``reader`` and ``checks`` names the checks.

    Raises
    ------
    InputError
        If the name is unknown; the message lists the known ones.
    """
    frame = _finished(name)
    if usable_only and "use" in frame:
        frame = frame[frame["use"] != "no"].reset_index(drop=True)
    return frame.copy()


def studies() -> pd.DataFrame:
    """Return every study with its citation and, where it was verified, its DOI.

    Returns
    -------
    pandas.DataFrame
        ``study``, the name the other tables use; ``role``: ``cohort``, ``review``, ``reviewed`` (in
        the review's tables) or ``cited`` (quoted in a discussion); ``citation``; ``doi``, empty
        where it was not seen in print beside the title or the first author; ``doi_seen_in``, where
        it was, or why it is empty; ``printed_in``, the papers its numbers were taken from.
    """
    return table("studies")


def read_table(data: pd.DataFrame | str | Path, name: str) -> pd.DataFrame:
    """Return a table of one's own in the form of :func:`table`, every row of it.

    Parameters
    ----------
    data
        A frame of text or the path of a CSV file with the columns of the shipped table.
    name
        Which table it is.

    Raises
    ------
    InputError
        If the name is unknown, a column is absent or does not belong there, or a cell is at fault:
        no number, an unknown word, a reversed interval, an interval of another probability than
        0.90, 0.95 or 0.99. Every fault is listed with its row and column.
    """
    spec = table_spec(name)
    cells, source = text_table(data)
    problems = table_problems(readable(cells, spec), name)
    if problems:
        raise InputError(problems, source=source)
    return _numbers(cells, name).reset_index(drop=True)


def select(
    frame: pd.DataFrame, *, study: str | None = None, endpoint: str | None = None
) -> pd.DataFrame:
    """Return the rows of one study, of one endpoint, or of both.

    Raises
    ------
    InputError
        If the frame has no such column, or no row of that name; the message lists the known ones.
    """
    for column, value in (("study", study), ("endpoint", endpoint)):
        if value is None:
            continue
        if column not in frame:
            message = f"is not a column of this table, whose columns are {', '.join(frame.columns)}"
            raise InputError(Problem(column, message))
        known = [str(name) for name in frame[column].drop_duplicates()]
        if value not in known:
            close = get_close_matches(value, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            whose = f" of {study}" if column == "endpoint" and study else ""
            message = f"unknown {column} {value!r}{whose}; {hint}choose from {', '.join(known)}"
            raise InputError(Problem(column, message))
        frame = frame[frame[column] == value]
    return frame.reset_index(drop=True)


def printed_cells(name: str) -> pd.DataFrame:
    """Return a shipped table as printed: text alone, every row, nothing repaired."""
    table_spec(name)
    return package_file(name).copy()


@cache
def package_file(name: str) -> pd.DataFrame:
    """Return a file of the package as text, its index the row below the header."""
    text = files("hccbayes.evidence").joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    cells = parse_csv(text, name)
    return cells.set_axis(pd.RangeIndex(1, len(cells) + 1), axis="index")


@cache
def _finished(name: str) -> pd.DataFrame:
    spec = table_spec(name)
    cells = package_file(name)
    known = (
        () if name in {"inconsistencies", "derived_effects"} else package_file("studies")["study"]
    )
    problems = table_problems(readable(cells, spec), name, known)
    if problems:
        raise InputError(problems, source=f"package table {name}")
    return _numbers(cells, name).reset_index(drop=True)


def readable(cells: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return the cells with their repairs, without misprints that make a row unusable."""
    cells = cells.copy()
    if not set(spec.repairs) <= set(cells.columns):
        return cells
    for name in spec.printed:
        if name not in cells:
            continue
        repaired = cells["repaired_field"] == name
        misprint = (cells["use"] == "no") & ~cells[name].map(is_number)
        cells[name] = cells[name].mask(misprint, "").mask(repaired, cells["repaired_value"])
    return cells


def _numbers(cells: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the table with its repairs made and its numbers as numbers."""
    spec = table_spec(name)
    frame = readable(cells, spec)
    for column in (*spec.printed, *spec.wording):
        place = list(frame.columns).index(column)
        frame.insert(place, f"printed_{column}", cells[column])
    for column in spec.wording:
        repaired = cells["repaired_field"] == column
        frame[column] = cells[column].mask(repaired, cells["repaired_value"])
    for column in (*spec.printed, *spec.numbers):
        frame[column] = frame[column].map(number).astype("float64")
    if name == "hazard_ratios":
        return _with_flags(oriented_effects(frame), cells)
    if name == "survival_rates":
        return frame.assign(percent=frame["percent"].mask(frame["at_risk"].notna()))
    return _with_checks(frame) if name == "inconsistencies" else frame


def _with_flags(frame: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Return hazard ratios with the alarms that the audit raises on the numbers as printed."""
    found = audit(cells, kind="hazard_ratios", unreadable="report")
    raised = found[found["severity"].isin(ALARMS)]
    flags = raised.groupby("row")["check"].agg(lambda names: "; ".join(dict.fromkeys(names)))
    return frame.assign(flags=flags.reindex(frame.index).fillna(""))


def _with_checks(frame: pd.DataFrame) -> pd.DataFrame:
    targets = package_file(TARGETS)
    checks = targets.groupby("id")["check"].agg(lambda names: "; ".join(dict.fromkeys(names)))
    named = frame["id"].map(checks).fillna("")
    return frame.assign(found_by=named.ne("").map({True: "program", False: "reader"}), checks=named)


__all__ = ["TABLES", "printed_cells", "read_table", "select", "studies", "table"]
