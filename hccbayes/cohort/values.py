"""From the text of a patient table to numbers, events, arms and categories."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from hccbayes import defaults
from hccbayes.cohort.source import PatientTable, cell_text
from hccbayes.roles import RESERVED_COLUMNS, ArmRole, Roles

MISSING_TEXT: Final = frozenset(
    {"", "NA", "N/A", "#N/A", "NaN", "nan", "NaT", "<NA>", "NULL", "null"}
)
"""Cells read as missing. ``None`` is not among them: it names an arm or a stage in many tables."""

_TRUTH: Final = {"true": "1", "false": "0"}
_EVENTS: Final = {"0": 0.0, "1": 1.0}
_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)", re.ASCII | re.IGNORECASE
)
_WHOLE_NUMBER: Final = re.compile(r"([+-]?\d+)\.0+", re.ASCII)

CovariateKind = Literal["numeric", "boolean", "category"]


def used_cells(table: PatientTable, roles: Roles) -> pd.DataFrame:
    """Return the used columns that are there once, stripped, with ``None`` where missing.

    An arm's label is never read as missing, even where it is ``NA``.
    """
    names = list(table.cells.columns)
    labels = {str(roles.arm.treated), str(roles.arm.control)}
    used = {}
    for column in roles.columns:
        if names.count(column) == 1:
            missing = MISSING_TEXT - labels if column == roles.arm.column else MISSING_TEXT
            used[column] = pd.Series(
                [_tidy(cell, missing) for cell in table.cells[column]], dtype=object
            )
    return pd.DataFrame(used, index=table.cells.index)


def _tidy(cell: str | None, missing: frozenset[str]) -> str | None:
    stripped = None if cell is None else cell.strip()
    return None if stripped in missing else stripped


def row_names(cells: pd.DataFrame, roles: Roles) -> pd.Series:
    """Return what each row is called in a message.

    The patient's identifier; with the number of the data row where several rows share it; the
    number alone (``line 7`` is the seventh row below the header) where there is none.
    """
    lines = pd.Series([f"line {row}" for row in range(1, len(cells) + 1)], index=cells.index)
    if roles.id not in cells:
        return lines
    ids = cells[roles.id]
    shared = ids.duplicated(keep=False)
    names = [
        line if name is None else f"{name} ({line})" if twice else name
        for name, twice, line in zip(ids, shared, lines, strict=True)
    ]
    return pd.Series(names, index=cells.index, dtype=object)


def numbers(cells: pd.Series) -> pd.Series:
    """Return the numbers; ``nan`` where a cell is missing or not a number."""
    return _mapped(cells, lambda text: float(text) if _NUMBER.fullmatch(text) else None)


def events(cells: pd.Series) -> pd.Series:
    """Return 1.0 for an event, 0.0 for censored; ``nan`` where a cell is neither."""
    return _mapped(cells, lambda text: _EVENTS.get(label_text(text)))


def arms(cells: pd.Series, arm: ArmRole) -> pd.Series:
    """Return 1.0 for treated, 0.0 for control; ``nan`` where a cell is neither."""
    codes = {label_text(arm.control): 0.0, label_text(arm.treated): 1.0}
    return _mapped(cells, lambda text: codes.get(label_text(text)))


def label_text(value: Any) -> str:
    """Return a label in the one form in which labels are compared.

    ``1``, ``1.0``, ``"1"``, ``"1.0"``, ``True`` and ``"TRUE"`` are the same label; text keeps its
    case and its leading zeros.
    """
    text = cell_text(value).strip()
    whole = _WHOLE_NUMBER.fullmatch(text)
    return whole.group(1) if whole else _TRUTH.get(text.casefold(), text)


def _mapped(cells: pd.Series, function: Callable[[str], float | None]) -> pd.Series:
    values = [None if pd.isna(cell) else function(cell) for cell in cells]
    return pd.Series(values, index=cells.index, dtype="float64")


def covariate_kind(cells: pd.Series, *, declared_category: bool) -> CovariateKind:
    """Return how a covariate is read.

    ``category`` where the frame declares it or at most half of its values are numbers;
    ``boolean`` where all are true or false; otherwise ``numeric``. A stage column with levels 0,
    A, B, C is therefore a category, and an age column with ``unknown`` in two rows is a numeric
    one with two faults.
    """
    present = cells.dropna()
    if declared_category:
        return "category"
    if len(present) and present.str.casefold().isin(list(_TRUTH)).all():
        return "boolean"
    return "numeric" if 2 * int(numbers(present).notna().sum()) > len(present) else "category"


def typed_values(
    cells: pd.DataFrame, roles: Roles, categories: Mapping[str, tuple[str, ...]]
) -> pd.DataFrame:
    """Return the cohort's columns as far as they can be evaluated; missing where they cannot.

    Parameters
    ----------
    cells
        Used columns as text.
    roles
        Which column is what.
    categories
        Levels of declared categories.

    Returns
    -------
    pandas.DataFrame
        ``patient``, ``entry`` and ``time`` (months), ``event``, ``treatment`` (floats), ``center``
        and ``treatment_start`` (months, infinite where it never started) where there is one, and
        the covariates; columns the data lack are left out.
    """
    months = defaults.MONTHS_PER_UNIT[roles.time_unit]
    columns: dict[str, Any] = {}
    if roles.id in cells:
        columns["patient"] = cells[roles.id]
    columns["entry"] = _finite(cells[roles.entry]) * months if roles.entry in cells else 0.0
    if roles.time in cells:
        columns["time"] = _finite(cells[roles.time]) * months
    if roles.event in cells:
        columns["event"] = events(cells[roles.event])
    if roles.arm.column in cells:
        columns["treatment"] = arms(cells[roles.arm.column], roles.arm)
    if roles.center in cells:
        columns["center"] = cells[roles.center]
    if roles.treatment_start is not None and roles.start_column in cells:
        unit = defaults.MONTHS_PER_UNIT[roles.treatment_start.unit]
        found = cells[roles.treatment_start.column]
        columns["treatment_start"] = (_finite(found) * unit).mask(found.isna(), np.inf)
    for name in roles.covariates:
        if name == roles.center and name in cells:
            columns[name] = cells[name]  # A center's code is a name, even where it is a number.
        elif name in cells and name not in RESERVED_COLUMNS:
            columns[name] = _covariate(cells[name], categories.get(name))
    return pd.DataFrame(columns, index=cells.index)


def _finite(cells: pd.Series) -> pd.Series:
    values = numbers(cells)
    return values.where(np.isfinite(values))


def _covariate(cells: pd.Series, levels: tuple[str, ...] | None) -> pd.Series:
    kind = covariate_kind(cells, declared_category=levels is not None)
    if kind == "boolean":
        return events(cells)
    if kind == "numeric":
        return _finite(cells)
    if levels is None:
        return cells
    present = set(cells.dropna())
    kept = dict.fromkeys(level.strip() for level in levels if level.strip() in present)
    return cells.astype(pd.CategoricalDtype(list(kept)))


def final_frame(values: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    """Return checked values as a cohort's frame: integers where they are whole, rows from zero.

    Parameters
    ----------
    values
        From :func:`typed_values`; nothing is missing but covariates that will be imputed.
    roles
        Which columns are covariates.
    """
    frame = values.reset_index(drop=True).astype({"entry": "float64", "time": "float64"})
    frame = frame.astype({"event": "int64", "treatment": "int64"})
    covariates = [name for name in roles.covariates if name not in RESERVED_COLUMNS]
    for name in covariates:
        column = frame[name]
        if column.dtype == "float64" and (column == np.floor(column)).all():
            if column.abs().max() <= 2.0**53:
                frame[name] = column.astype("int64")
    return frame
