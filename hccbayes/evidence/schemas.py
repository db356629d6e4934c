"""What is wrong with a table that has the columns of a shipped one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pandera.pandas as pa

from hccbayes.errors import Problem
from hccbayes.evidence.layouts import INTERVAL_PROBS
from hccbayes.evidence.printed import is_number, parse
from hccbayes.evidence.table_specs import USES, TableSpec, table_spec


def table_problems(cells: pd.DataFrame, name: str, studies: Iterable[str] = ()) -> list[Problem]:
    """Return what is wrong with a table of text, with the row and the column of each fault.

    Parameters
    ----------
    cells
        The table as text; its index is the row below the header, counted from 1.
    name
        Which table it is.
    studies
        Known studies; nothing is asked of the names without them.
    """
    spec = table_spec(name)
    try:
        _schema(spec, frozenset(studies)).validate(cells, lazy=True)
    except pa.errors.SchemaErrors as error:
        problems = _problems(error.failure_cases, cells)
        if any(problem.where.startswith("column ") for problem in problems):
            return problems
        return problems + _row_problems(cells, spec)
    return _row_problems(cells, spec)


def _schema(spec: TableSpec, studies: frozenset[str]) -> pa.DataFrameSchema:
    columns = {name: pa.Column(str, checks=_checks(name, spec, studies)) for name in spec.columns}
    return pa.DataFrameSchema(columns, strict=True, unique_column_names=True)


def _checks(name: str, spec: TableSpec, studies: frozenset[str]) -> list[pa.Check]:
    checks = []
    choices = dict(spec.choices)
    if name in choices:
        checks.append(_one_of(choices[name]))
    if name == "study":
        checks.append(pa.Check(lambda column: column != "", error="is empty"))
    if name in {"study", "source"} and studies:
        checks.append(_one_of(sorted(studies), noun="unknown study"))
    if name in spec.printed + spec.numbers:
        checks.append(pa.Check(lambda column: column.map(is_number), error="is not a number"))
    if name == "interval_prob":
        known = ", ".join(f"{prob:.2f}" for prob in INTERVAL_PROBS)
        error = f"the probability of an interval is one of {known}"
        checks.append(pa.Check(lambda column: column.map(_known_prob), error=error))
    if name == "use":
        checks.append(_one_of(tuple(USES)))
    if name == "repaired_field":
        checks.append(_one_of(("", *spec.printed, *spec.wording)))
    return checks


def _one_of(known: Iterable[str], *, noun: str = "unknown word") -> pa.Check:
    words = list(known)
    shown = ", ".join(word for word in words if word)
    return pa.Check(lambda column: column.isin(words), error=f"{noun}; known are {shown}")


def _known_prob(text: str) -> bool:
    if not text or not is_number(text):
        return True  # an unreadable one is said to be no number
    return any(abs(float(text) - known) < 1e-9 for known in INTERVAL_PROBS)


def _problems(cases: pd.DataFrame, cells: pd.DataFrame) -> list[Problem]:
    """Return one problem a failure case of pandera, in the order of rows."""
    words = {
        "column_in_dataframe": "is not in the table",
        "column_in_schema": "does not belong to this table",
    }
    found = []
    for case in cases.to_dict("records"):
        check = str(case["check"])
        if check in words:
            found.append((0, Problem(f"column {case['failure_case']}", words[check])))
            continue
        line = case["index"]
        if line is None or pd.isna(line):
            problem = Problem(f"column {case['column']}", f"{check}: {case['failure_case']}")
            found.append((0, problem))
            continue
        where = f"row {int(line)}{_study(cells, int(line))}, column {case['column']}"
        found.append((int(line), Problem(where, f"{case['failure_case']!r}: {check}")))
    return [problem for _, problem in sorted(found, key=lambda pair: pair[0])]


def _study(cells: pd.DataFrame, line: int) -> str:
    return f" ({cells['study'].to_dict()[line]})" if "study" in cells else ""


def _row_problems(cells: pd.DataFrame, spec: TableSpec) -> list[Problem]:
    """Return rows whose interval is reversed, or whose repair or reason is not complete."""
    problems = []
    for line in cells.index:
        row = cells.loc[line]
        where = f"row {line}{_study(cells, int(line))}"
        if spec.repairs:
            problems += [Problem(f"{where}, column {name}", text) for name, text in _repair(row)]
        for low, high in (("lower", "upper"), ("median_lower", "median_upper"), ("q1", "q3")):
            if {low, high} <= spec.columns and _reversed(row, low, high):
                text = f"interval is reversed: {row[low]} to {row[high]}"
                problems.append(Problem(f"{where}, columns {low} and {high}", text))
    return problems


def _repair(row: pd.Series[Any]) -> list[tuple[str, str]]:
    faults = []
    if row["use"] != "yes" and not row["reason"]:
        faults.append(("reason", f"is empty though `use` is {row['use']!r}"))
    if bool(row["repaired_field"]) != bool(row["repaired_value"]):
        faults.append(("repaired_value", "stands with `repaired_field` or not at all"))
    if row["use"] == "repaired" and not row["repaired_field"]:
        faults.append(("repaired_field", "is empty though `use` is 'repaired'"))
    return faults


def _reversed(row: pd.Series[Any], low: str, high: str) -> bool:
    """Return whether an interval is reversed after its repair; unreadable ones are said before."""
    ends = {low: row[low], high: row[high]}
    if row.get("repaired_field", "") in ends:
        ends[row["repaired_field"]] = row["repaired_value"]
    if not all(is_number(text) for text in ends.values()):
        return False
    first, second = parse(ends[low]), parse(ends[high])
    return first is not None and second is not None and first.low > second.high
