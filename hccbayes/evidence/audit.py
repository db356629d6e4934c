"""The audit of published numbers: a table in, a table of findings out.

Checks stand in one registry a kind of table. A printed number is an interval of values, so that a
check finds something only where no values that round to the printed ones satisfy it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from hccbayes.errors import InputError, Problem
from hccbayes.evidence import baseline_relations, baseline_tests, baseline_totals
from hccbayes.evidence.audit_cells import CellFault, cell_faults, read_cells, readable_cells
from hccbayes.evidence.event_checks import EVENT_CHECKS
from hccbayes.evidence.findings import Finding, Place, findings_table, joined
from hccbayes.evidence.hazard_ratio_checks import HAZARD_RATIO_CHECKS
from hccbayes.evidence.hazard_ratio_pairs import PAIR_CHECKS
from hccbayes.evidence.hazard_ratio_rows import hazard_ratio_rows
from hccbayes.evidence.layouts import layout_of
from hccbayes.evidence.survival_checks import MEDIAN_CHECKS, RATE_CHECKS

Unreadable = Literal["error", "report"]
TableCheck = Callable[[pd.DataFrame], Iterator[Finding]]

BASELINE_CHECKS: Final[dict[str, TableCheck]] = {
    "percentages": baseline_totals.counts_and_percentages,
    "levels_sum": baseline_totals.levels_add_up,
    "arms_sum": baseline_totals.arms_add_up,
    "weighted_total": baseline_totals.weighted_totals,
    "subset_above_whole": baseline_relations.matched_within_full,
    "implied_level": baseline_relations.implied_levels,
    "identical_rows": baseline_relations.identical_rows,
    "quartiles_disordered": baseline_relations.quartiles_in_order,
    "sex_labels": baseline_relations.sex_labels,
    "row_twice": baseline_totals.rows_once,
    "p_not_reproduced": baseline_tests.factor_p,
    "p_not_from_means": baseline_tests.mean_p,
    "smd_not_reproduced": baseline_tests.printed_smd,
    "imbalance": baseline_tests.imbalance,
}
"""Checks of baseline tables by name."""


def _hazard_ratios(cells: pd.DataFrame) -> Iterator[Finding]:
    for row in hazard_ratio_rows(cells):
        for check in HAZARD_RATIO_CHECKS.values():
            yield from check(row)
    for pair_check in PAIR_CHECKS.values():
        yield from pair_check(cells)


def _all(checks: dict[str, TableCheck]) -> TableCheck:
    def run(cells: pd.DataFrame) -> Iterator[Finding]:
        for check in checks.values():
            yield from check(cells)

    return run


CHECKS: Final[dict[str, TableCheck]] = {
    "hazard_ratios": _hazard_ratios,
    "baseline": _all(BASELINE_CHECKS),
    "event_counts": _all(EVENT_CHECKS),
    "survival_rates": _all(RATE_CHECKS),
    "medians": _all(MEDIAN_CHECKS),
}
"""What is run on each kind of table; the kinds are those of ``layouts.LAYOUTS``."""


def audit(
    data: pd.DataFrame | str | Path, *, kind: str, unreadable: Unreadable = "error"
) -> pd.DataFrame:
    """Check a table of published numbers.

    Parameters
    ----------
    data
        A frame of text, or the path of a CSV file. The digits printed are part of a number: a
        column of floats has lost its zeros, and rounding is then taken to be coarser than it was.
    kind
        ``hazard_ratios``, ``baseline``, ``event_counts``, ``survival_rates`` or ``medians``;
        docs/evidence.md lists their columns.
    unreadable
        ``error`` raises for a cell that is no number, an interval that is reversed or an unknown
        word. ``report`` makes each of them a finding, for a table that is meant to hold misprints,
        and checks what is left of the row.

    Returns
    -------
    pandas.DataFrame
        One row a finding, columns :data:`hccbayes.evidence.findings.FINDING_COLUMNS`; no row where
        nothing is found. ``row`` is the row below the header, counted from 1.

    Raises
    ------
    InputError
        If the kind or `unreadable` is unknown, the file cannot be read, a column is absent, or a
        cell is at fault; every fault is listed with its row, study and column.
    """
    if unreadable not in {"error", "report"}:
        raise InputError(Problem("unreadable", f"is {unreadable!r}; choose from error, report"))
    layout = layout_of(kind)
    if unreadable == "error":
        return findings_table(CHECKS[kind](readable_cells(data, kind)))
    cells = read_cells(data, kind)
    faults = cell_faults(cells, layout)
    found = [_misprint(cells, fault) for fault in faults]
    for fault in faults:
        cells.loc[fault.row, fault.column.split(", ")] = ""
    return findings_table([*found, *CHECKS[kind](cells)])


def _misprint(cells: pd.DataFrame, fault: CellFault) -> Finding:
    row = {str(name): str(value) for name, value in cells.loc[fault.row].items()}
    names = ("endpoint", "variable", "group", "covariate", "level", "arm")
    place = Place(fault.row, row["study"], joined(row.get(name, "") for name in names))
    return place.finding("unreadable", "impossible", fault.column, fault.text, "", fault.message)
