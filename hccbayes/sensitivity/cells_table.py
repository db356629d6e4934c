"""The tidy table of a grid, and what it says in a few sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd

from hccbayes import defaults
from hccbayes.errors import InputError, Problem
from hccbayes.records import ESTIMATE_COLUMNS, TREATMENT_CONTRAST
from hccbayes.report.numbers import format_probability
from hccbayes.sensitivity.cell_store import CellResult
from hccbayes.sensitivity.grid import Cell

NOT_COMPUTED: Final = "not computed"
DIAGNOSTICS: Final = ("largest_rhat", "smallest_ess_bulk", "smallest_ess_tail", "divergences")
_CHECKS: Final = dict(
    zip(DIAGNOSTICS, ("rhat", "ess_bulk", "ess_tail", "divergences"), strict=True)
)
RATIOS: Final = ("hr", "marginal_hr")
"""Estimands that a specification curve can be drawn of."""


def cells_table(cells: Sequence[Cell], results: Sequence[CellResult | None]) -> pd.DataFrame:
    """Return one row an estimate, the varied fields beside it; a cell without numbers has one row.

    Parameters
    ----------
    cells, results
        In the same order; nothing for a cell that was not computed.

    Returns
    -------
    pandas.DataFrame
        ``cell`` (from 1), ``base`` (whether it is the model as it is), a column each varied field,
        ``status``, ``message``, the columns of the estimate table, and the worst diagnostics over
        the cell's fits. ``attrs["fields"]`` names the fields that take more than one value.
    """
    rows: list[dict[str, Any]] = []
    for number, (cell, result) in enumerate(zip(cells, results, strict=True), start=1):
        head = {"cell": number, "base": cell.is_base, **cell.values}
        if result is None:
            rows.append(head | {"status": NOT_COMPUTED, "message": "the run was stopped before"})
            continue
        head |= {"status": result.status, "message": result.message}
        tail = _worst(result)
        rows += [head | asdict(row) | tail for row in result.estimates] or [head]
    fields = list(cells[0].values) if cells else []
    columns = ["cell", "base", *fields, "status", "message", *ESTIMATE_COLUMNS, *DIAGNOSTICS]
    table = pd.DataFrame(rows, columns=columns)
    floats = ["time", "estimate", "lower", "upper", "interval_prob", "prob_benefit", *DIAGNOSTICS]
    table = table.astype(dict.fromkeys(floats, "float64"))
    text = table.columns.difference([*floats, "cell", "base"])
    table[text] = table[text].fillna("")
    varied = tuple(field for field in fields if len({cell.values[field] for cell in cells}) > 1)
    table.attrs["fields"] = varied
    return table


def _worst(result: CellResult) -> dict[str, float]:
    """Return the worst diagnostics over the fits of a cell."""
    found: dict[str, float] = {}
    for column, name in _CHECKS.items():
        values = [
            check.value
            for diagnosis in result.diagnoses.values()
            for check in diagnosis.checks
            if check.name == name and check.value is not None
        ]
        smallest = column.startswith("smallest")
        found[column] = (min if smallest else max)(values, default=np.nan)
    return found


def headline_rows(table: pd.DataFrame, estimand: str = "hr") -> pd.DataFrame:
    """Return the one row of each cell that a specification curve shows.

    Of a marginal hazard ratio, that of the last method of adjustment in the cell, or else of the
    outcome model in its first population.

    Parameters
    ----------
    table
        From :func:`cells_table`.
    estimand
        ``hr`` or ``marginal_hr``.

    Raises
    ------
    InputError
        If the estimand is another, or no cell has it.
    """
    if estimand not in RATIOS:
        known = ", ".join(RATIOS)
        raise InputError(Problem("estimand", f"unknown: {estimand!r}; choose from {known}"))
    populations = ["sample"] if estimand == "hr" else sorted(set(table["population"]) - {"sample"})
    rows = table[
        (table["estimand"] == estimand)
        & (table["contrast"] == TREATMENT_CONTRAST)
        & table["population"].isin(populations)
    ]
    if rows.empty:
        raise InputError(Problem("estimand", f"no cell has an estimate of {estimand!r}"))
    # The outcome model stands first in a cell, in the order of its populations.
    several = rows.groupby("cell")["method"].transform("nunique") > 1
    keep_last = rows[several].groupby("cell").tail(1)
    keep_first = rows[~several].groupby("cell").head(1)
    return pd.concat([keep_first, keep_last]).sort_values("cell", kind="stable")


def choice_effects(rows: pd.DataFrame, fields: Sequence[str]) -> pd.DataFrame:
    """Return how much each choice moves the log hazard ratio.

    Parameters
    ----------
    rows
        From :func:`headline_rows`.
    fields
        The varied fields.

    Returns
    -------
    pandas.DataFrame
        ``field``, ``spread`` (largest less smallest mean log hazard ratio over its values),
        ``lowest``, ``highest`` (the values with these means), the largest spread first.
    """
    found = []
    log_hr = np.log(rows["estimate"])
    for field in fields:
        means = log_hr.groupby(rows[field]).mean()
        if len(means) > 1:
            spread = float(means.max() - means.min())
            found.append((field, spread, str(means.idxmin()), str(means.idxmax())))
    table = pd.DataFrame(found, columns=["field", "spread", "lowest", "highest"])
    return table.sort_values("spread", ascending=False, kind="stable", ignore_index=True)


def grid_summary(
    table: pd.DataFrame, *, question: str = "", estimand: str = "hr"
) -> tuple[str, ...]:
    """Return what a grid says, in sentences.

    Parameters
    ----------
    table
        From :func:`cells_table`.
    question
        What was asked.
    estimand
        ``hr`` or ``marginal_hr``.
    """
    return tuple(_sentences(table, question, estimand))


def _sentences(table: pd.DataFrame, question: str, estimand: str) -> Iterable[str]:
    if question:
        yield question
    by_cell = table.drop_duplicates("cell")
    counts = by_cell["status"].value_counts().to_dict()
    good = counts.pop("good", 0)
    rest = "".join(f", {count} {status}" for status, count in counts.items())
    yield f"{len(by_cell)} analyses: {good} good{rest}."
    usable = table[table["status"] == "good"]
    if usable.empty:
        yield "No analysis may be used: see the messages in cells.csv."
        return
    rows = headline_rows(usable, estimand)
    words = "conditional" if estimand == "hr" else "marginal"
    low, high = (rows.loc[getattr(rows["estimate"], which)()] for which in ("idxmin", "idxmax"))
    yield (
        f"The {words} hazard ratio (treated over control) lies between {low['estimate']:.2f} "
        f"({_where(low, table)}) and {high['estimate']:.2f} ({_where(high, table)})."
    )
    sure = rows["prob_benefit"] > defaults.SENSITIVITY_PROB
    yield (
        f"P(HR < 1) is above {defaults.SENSITIVITY_PROB:g} in {sure.mean():.0%} of them "
        f"({int(sure.sum())} of {len(rows)}); the smallest is "
        f"{format_probability(float(rows['prob_benefit'].min()))}."
    )
    effects = choice_effects(rows, table.attrs.get("fields", ()))
    if len(effects):
        most = effects.iloc[0]
        factor = float(np.exp(most["spread"]))
        yield (
            f"The choice that moves it most is {most['field']}: by a factor of {factor:.2f} on "
            f"average between {most['lowest'] or 'none'} and {most['highest'] or 'none'}."
        )
    yield "Analyses that share patients are not independent: their number is no strength."


def _where(row: Mapping[str, Any], table: pd.DataFrame) -> str:
    fields = table.attrs.get("fields", ())
    return "; ".join(f"{field} {row[field] or 'none'}" for field in fields) or "the model"
