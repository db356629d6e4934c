"""What may be wrong with a table's columns and cells, and what to do about it.

One problem a column and fault, one warning a remark. Every column that is there is judged, so that
no fault hides another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

import pandas as pd
import pandera.pandas as pa

from hccbayes.cohort.source import PatientTable, cell_text
from hccbayes.cohort.values import (
    MISSING_TEXT,
    arms,
    covariate_kind,
    events,
    label_text,
    numbers,
)
from hccbayes.errors import Problem
from hccbayes.roles import RESERVED_COLUMNS, Roles

EPISODE_COLUMNS: Final = ("start", "stop")
"""Further names a covariate may not bear: the columns of an episode table."""

_LISTED = 5


def listed(values: Iterable[object], limit: int = _LISTED) -> str:
    """Return ``'a', 'b' and 3 more``: each distinct value once, in order of appearance."""
    distinct = list(dict.fromkeys(cell_text(value) for value in values))
    rest = f" and {len(distinct) - limit} more" if len(distinct) > limit else ""
    return ", ".join(f"'{value}'" for value in distinct[:limit]) + rest


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return ``1 value``, ``2 values``."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def role_columns(roles: Roles) -> dict[str, str | None]:
    """Return the data's column for each name of the cohort's frame."""
    return {
        "patient": roles.id,
        "entry": roles.entry,
        "time": roles.time,
        "event": roles.event,
        "treatment": roles.arm.column,
        "center": roles.center,
        "treatment_start": roles.start_column,
    }


def column_problems(table: PatientTable, roles: Roles) -> list[Problem]:
    """Return absent and repeated columns, clashing names, and arms that share a label."""
    names = list(table.cells.columns)
    problems = []
    for column in roles.columns:
        if column not in names:
            problems.append(Problem(f"column {column}", _absent(column, names)))
        elif names.count(column) > 1:
            message = f"stands {names.count(column)} times in the data; keep one"
            problems.append(Problem(f"column {column}", message))
    problems += _name_problems(roles)
    if label_text(roles.arm.treated) == label_text(roles.arm.control):
        message = f"`treated` and `control` are both {label_text(roles.arm.treated)!r}"
        problems.append(Problem(f"column {roles.arm.column}", f"{message}; name two arms"))
    return problems


def _absent(column: str, names: Sequence[object]) -> str:
    known = [name for name in names if isinstance(name, str)]
    if len(known) == 1 and ";" in known[0]:
        return "is not in the data, which seem to be separated by semicolons; use commas"
    by_case = {name.casefold(): name for name in known}
    close = get_close_matches(column.casefold(), by_case, n=1)
    hint = f"did you mean `{by_case[close[0]]}`?" if close else f"columns are {listed(names, 20)}"
    return f"is not in the data; {hint}"


def _name_problems(roles: Roles) -> list[Problem]:
    """Return covariates that are the outcome or the arm, or that bear a name of the frame."""
    own = role_columns(roles)
    may_be_both = {"entry", "center", "treatment_start"}
    fixed = {column: role for role, column in own.items() if role not in may_be_both}
    problems = []
    for name in roles.covariates:
        if name in fixed:
            message = f"is the {fixed[name]} column and cannot be a covariate as well"
        elif name in EPISODE_COLUMNS or (name in RESERVED_COLUMNS and own[name] != name):
            message = f"is a covariate under the reserved name `{name}`; rename the column"
        else:
            continue
        problems.append(Problem(f"column {name}", message))
    return problems


def identifier_problems(cells: pd.DataFrame, roles: Roles) -> list[Problem]:
    """Return identifiers that stand in several rows, rows later excluded among them."""
    if roles.id not in cells:
        return []
    ids = cells[roles.id].dropna()
    shared = tuple(ids[ids.duplicated()].drop_duplicates())
    if not shared:
        return []
    occurs = counted(len(shared), "identifier stands", "identifiers stand")
    message = f"{occurs} in more than one row; one row a patient is needed"
    return [Problem(f"column {roles.id}", message, shared)]


def cell_problems(
    cells: pd.DataFrame,
    roles: Roles,
    names: pd.Series,
    categories: Mapping[str, tuple[str, ...]],
) -> list[Problem]:
    """Return missing and invalid cells, one problem a column and fault.

    Parameters
    ----------
    cells
        Used columns as text, without the rows a policy excludes.
    roles
        Which column is what.
    names
        What each row is called, by the index of `cells`.
    categories
        Levels of declared categories, by column.
    """
    try:
        patient_schema(cells, roles, categories).validate(cells, lazy=True)
    except pa.errors.SchemaErrors as error:
        found = error.failure_cases
        if not set(found["check"]) <= set(_SENTENCES):
            raise  # A check itself broke: that is no fault of the data and may not pass for none.
    else:
        return []
    problems = []
    for column in cells.columns:
        for check, say in _SENTENCES.items():
            cases = found[(found["column"] == column) & (found["check"] == check)]
            if len(cases):
                rows = sorted(cases["index"])
                message = say(listed(cells.loc[rows, column]), len(rows))
                if check == "not_nullable" and roles.missing == "impute":
                    message += _not_imputed(column, roles)
                if check == "number" and column == roles.start_column:
                    message += (
                        "; a time since time zero is wanted, which hccbayes.time_zero.read_dates "
                        "and months_between make of dates"
                    )
                problems.append(Problem(f"column {column}", message, tuple(names.loc[rows])))
    return problems


def patient_schema(
    cells: pd.DataFrame, roles: Roles, categories: Mapping[str, tuple[str, ...]]
) -> pa.DataFrameSchema:
    """Return the schema of the text cells: what each used column must hold, by its role."""
    time = ["number", "finite", "not_negative"]
    checks: dict[str | None, list[str]] = {name: ["number", "finite"] for name in roles.covariates}
    for name in roles.covariates:
        declared = name in categories
        if name in cells and covariate_kind(cells[name], declared_category=declared) != "numeric":
            checks[name] = []
    checks |= {roles.entry: [*time, "entry"], roles.time: time, roles.event: ["event"]}
    checks |= {roles.arm.column: ["arm"], roles.center: [], roles.id: []}
    checks[roles.start_column] = ["number", "finite", "start"]
    if roles.zero_time == "error":
        checks[roles.time] = [*time, "not_zero"]
    may_be_missing = set(roles.covariates) - set(role_columns(roles).values())
    if roles.missing != "impute":
        may_be_missing = set()
    if roles.start_column:
        may_be_missing.add(roles.start_column)
    predicates = _predicates(cells, roles)
    return pa.DataFrameSchema(
        {
            column: pa.Column(
                checks=[pa.Check(predicates[name], error=name) for name in checks[column]],
                nullable=column in may_be_missing,
            )
            for column in cells.columns
        }
    )


def _predicates(cells: pd.DataFrame, roles: Roles) -> dict[str, Callable[[pd.Series], pd.Series]]:
    """Return the checks by name; those on a number pass what is none, which "number" reports."""

    def enters_before_end(entry: pd.Series) -> pd.Series:
        if roles.time not in cells:
            return pd.Series(True, index=entry.index)
        end = numbers(cells[roles.time]).loc[entry.index]
        # A follow-up of zero is a matter of its own policy, not of delayed entry.
        end = end.mask(end == 0, 0.5 if roles.zero_time == "half_unit" else float("nan"))
        return ~(numbers(entry) >= end)

    return {
        "number": lambda column: numbers(column).notna(),
        "finite": lambda column: numbers(column).abs() != float("inf"),
        "not_negative": lambda column: ~(numbers(column) < 0),
        "start": lambda column: ~(numbers(column) < 0),
        "not_zero": lambda column: numbers(column) != 0,
        "event": lambda column: events(column).notna(),
        "arm": lambda column: arms(column, roles.arm).notna(),
        "entry": enters_before_end,
    }


def _missing(_: str, count: int) -> str:
    return (
        f"{counted(count, 'value')} missing; complete the data, or leave such patients out "
        "with missing = 'exclude'"
    )


def _not_imputed(column: str, roles: Roles) -> str:
    """Return why a missing value stops the reading although covariates may be missing."""
    if column == roles.center:
        return (
            "; a center is not made up: where it is unknown, give such patients a label of "
            "their own"
        )
    return "; only covariates are imputed"


def _event(found: str, _: int) -> str:
    coded = "; subtract 1 if 1 is censored and 2 the event" if "'2'" in found else ""
    return f"an event is 1 and a censored time 0, found {found}{coded}"


_SENTENCES: Final[dict[str, Callable[[str, int], str]]] = {
    "not_nullable": _missing,
    "number": lambda found, _: (
        f"holds text where a number is needed: {found}; write numbers with a decimal point and "
        "leave missing values empty"
    ),
    "finite": lambda found, _: f"holds {found}; give a finite number or leave the value empty",
    "not_negative": lambda found, _: f"holds {found}; a time since time zero cannot be negative",
    "start": lambda found, _: (
        f"holds {found}: the treatment would have started before time zero; correct the dates, or "
        "take such patients out, who did not begin their strategy at time zero"
    ),
    "not_zero": lambda _, count: (
        f"{counted(count, 'patient')} with a follow-up of zero; correct the data, or set "
        "zero_time = 'half_unit' or 'exclude'"
    ),
    "event": _event,
    "arm": lambda found, _: f"holds labels of neither arm: {found}; correct them or [data] arm",
    "entry": lambda *_: (
        "entry is not before the end of follow-up, so the patient was never at risk; "
        "correct the dates or remove the patient"
    ),
}
"""What is said of each check, from the distinct cells found and their number; in order."""


def table_warnings(table: PatientTable, cells: pd.DataFrame, roles: Roles) -> list[str]:
    """Return warnings about how the table was read.

    Parameters
    ----------
    table
        The table as it came.
    cells
        Its used columns, stripped.
    roles
        Which column is what.
    """
    return [
        *_blanks(table, cells),
        *_unused_names(table, roles),
        *_numbers_among_categories(table, cells, roles),
    ]


def _blanks(table: PatientTable, cells: pd.DataFrame) -> list[str]:
    warnings = []
    for column in cells:
        raw = table.cells[column].dropna()
        stripped = raw.str.strip()
        count = int(((raw != stripped) & ~stripped.isin(list(MISSING_TEXT))).sum())
        if count:
            rows = counted(count, "row")
            warnings.append(f"column {column}: surrounding blanks were removed in {rows}")
    return warnings


def _unused_names(table: PatientTable, roles: Roles) -> list[str]:
    """Return columns of the data that bear a name which means another column in the cohort."""
    return [
        f"the data's own column `{name}` is not used: `{name}` is made from column {column}"
        if column
        else f"the data's own column `{name}` is not used: no role is given to it"
        for name, column in role_columns(roles).items()
        if name in set(table.cells.columns) and name not in roles.columns
    ]


def _numbers_among_categories(table: PatientTable, cells: pd.DataFrame, roles: Roles) -> list[str]:
    warnings = []
    for name in roles.covariates:
        if name not in cells or name in table.categories:
            continue
        if covariate_kind(cells[name], declared_category=False) != "category":
            continue
        numeric = numbers(cells[name]).notna()
        if numeric.any():
            found = f"{listed(cells.loc[numeric, name])} beside text"
            warnings.append(f"column {name} is read as categories, and holds numbers: {found}")
    return warnings
