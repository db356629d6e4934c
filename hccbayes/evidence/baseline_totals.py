"""Checks of what must add up in a baseline table: percentages, levels, arms, weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from hccbayes.evidence.factors import ARMS, WEIGHTED, factors_of
from hccbayes.evidence.findings import Finding, Place, place_of
from hccbayes.evidence.percent_checks import percentages
from hccbayes.evidence.printed import SLACK, parse

WEIGHT_TOTAL_TOLERANCE: Final = 0.2
"""Relative distance of a weighted arm from its patients. The mean of stabilized weights is 1 where
the propensity model is right; in simulated cohorts it stays within this (benchmarks/)."""
_NAMED: Final = ("variable", "level", "analysis_set", "arm")


def counts_and_percentages(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find percentages that do not follow from counts, cell by cell."""
    rows = cells[cells["kind"] != "total"]
    yield from percentages(rows, count="count", total="arm_total", percent="percent", named=_NAMED)


def levels_add_up(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find factors whose levels add up to more than the arm; say where they add up to less."""
    for factor in factors_of(cells):
        for arm in (*ARMS, "overall"):
            own = [
                factor.cells[level, arm] for level in factor.levels if (level, arm) in factor.cells
            ]
            counts = [cell.patients(cell.count) for cell in own if cell.count is not None]
            if len(own) < 2 or len(counts) != len(own):
                continue
            total = own[0].patients(own[0].total)
            low, high = (sum(end[place] for end in counts) for place in (0, 1))
            if low > total[1] + SLACK or high < total[0] - SLACK:
                above = low > total[1]
                message = "the levels add up to more than the arm"
                if not above:
                    message = "the levels add up to less than the arm: missing values?"
                yield factor.place(own[0].line).finding(
                    "levels_sum",
                    "impossible" if above else "note",
                    "count",
                    f"{(low + high) / 2:g}",
                    own[0].total.text,
                    f"{arm}: {message}",
                )


def arms_add_up(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find levels whose overall count is not the sum of both arms."""
    for factor in factors_of(cells):
        if factor.analysis_set == WEIGHTED:
            continue
        for level in factor.levels:
            trio = [factor.cells.get((level, arm)) for arm in (*ARMS, "overall")]
            counts = [
                cell.count.value for cell in trio if cell is not None and cell.count is not None
            ]
            if len(counts) == 3 and counts[0] + counts[1] != counts[2] and trio[2] is not None:
                yield factor.place(trio[2].line).finding(
                    "arms_sum",
                    "inconsistent",
                    "count",
                    f"{counts[2]:g}",
                    f"{counts[0] + counts[1]:g}",
                    f"level {level}: the overall count is not the sum of the arms",
                )


def weighted_totals(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find weighted arms whose weights add up to another number of patients."""
    sizes: dict[tuple[str, str, str], tuple[float, int]] = {}
    for line in cells.index:
        row = cells.loc[line]
        total = parse(row["arm_total"])
        if total is not None:
            key = (row["study"], row["analysis_set"], row["arm"])
            sizes.setdefault(key, (total.value, int(line)))
    for (study, analysis_set, arm), (weights, line) in sizes.items():
        patients = sizes.get((study, "unadjusted", arm), (0.0, 0))[0]
        if analysis_set == WEIGHTED and patients > 0:
            if abs(weights / patients - 1.0) > WEIGHT_TOTAL_TOLERANCE:
                yield Place(line, study, f"arm size, {arm}").finding(
                    "weighted_total",
                    "suspicious",
                    "arm_total",
                    f"{weights:g}",
                    f"about {patients:g}",
                    "stabilized weights should add up to about the arm's patients: the weights are "
                    "unstable or of another kind",
                )


def rows_once(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find a level, or a measurement, that stands twice for one arm; such factors are left out."""
    key = ["study", "analysis_set", "variable", "kind", "level", "arm"]
    for line in cells.index[cells.duplicated(key)]:
        message = "the same level of the same arm stands in the table before"
        yield place_of(cells.loc[[line]], _NAMED).finding(
            "row_twice", "inconsistent", "level", cells.loc[line, "level"], "", message
        )
